import type { Json } from '../domain/json.ts';
import type { Decision, Evidence, StepInput, StepOutcome } from '../domain/step.ts';
import type { StepTools } from './tools.ts';

/** Thrown by `apply` when a rule forbids going on and the target is as it was: the step parks, nothing is retried. */
export class StepRefused extends Error {
  override readonly name = 'StepRefused';
  readonly reasons: readonly string[];
  readonly evidence: readonly Evidence[];
  constructor(reasons: readonly string[], evidence: readonly Evidence[] = []) {
    super(reasons.join('; '));
    this.reasons = reasons;
    this.evidence = evidence;
  }
}

/** Thrown when trying again would not help and the target may be half-changed; `state` is what it was seen to be. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly state: Json;
  /** What a person has to put right by hand, should the step never be tried again. */
  readonly leftToDo: readonly string[];
  constructor(
    message: string,
    state: Json,
    { leftToDo = [], ...options }: ErrorOptions & { readonly leftToDo?: readonly string[] } = {},
  ) {
    super(message, options);
    this.state = state;
    this.leftToDo = leftToDo;
  }
}

/** What `apply` and `undo` report besides the state that `verify` reads back. */
export interface Applied {
  readonly snapshot?: Json;
  readonly evidence?: readonly Evidence[];
  readonly durationsMs?: { readonly [name: string]: number };
  readonly details?: readonly string[];
  readonly leftToDo?: readonly string[];
}

export interface Verified<Observed> {
  readonly ok: boolean;
  /** Not so yet, but bound to become so without anybody's doing, e.g. a proxy that is just being reloaded. */
  readonly isComing?: boolean;
  readonly observed: Observed;
  /** The sentence of the outcome when ok, otherwise what was expected and what was seen. */
  readonly summary: string;
  /** What only this look could tell; it comes before what `apply` knew. */
  readonly leftToDo?: readonly string[];
}

/** What one attempt is called with, and what it has read for itself at its start. */
export type Attempt<Parameters, Read> = StepInput<Parameters> & { readonly read: Read };

/**
 * A step kind: four small functions. `observe` and `verify` read the targets, `decide` is pure (it lives in domain/),
 * `apply` ensures (running it twice is as good as once). `undo` puts back what the snapshot recorded.
 */
export interface StepKind<Parameters, Observed extends Json, Read = undefined> {
  /** One name everywhere: `uses:` in YAML, activity type in the UI, exported function. */
  readonly kind: string;
  /** How long `decide` may answer wait, and `verify` that it is coming, before the step parks; default 60 s. */
  readonly waitMs?: number;
  /** What an attempt works with from its beginning to its end, however much of it changes meanwhile: `input.read`. */
  read?(input: StepInput<Parameters>, tools: StepTools): Promise<Read>;
  observe(input: Attempt<Parameters, Read>, tools: StepTools): Promise<Observed>;
  decide(observed: Observed, input: StepInput<Parameters>): Decision;
  apply(input: Attempt<Parameters, Read>, observed: Observed, tools: StepTools): Promise<Applied>;
  verify(input: Attempt<Parameters, Read>, tools: StepTools, applied?: Applied): Promise<Verified<Observed>>;
  undo?(input: StepInput<Parameters>, tools: StepTools): Promise<Applied & { readonly summary: string }>;
}

const outcome = (
  status: StepOutcome['status'],
  summary: string,
  rest: Partial<StepOutcome> = {},
): StepOutcome => ({
  status,
  summary,
  details: [],
  before: null,
  after: null,
  evidence: [],
  durationsMs: {},
  ...rest,
});

/** Runs one step kind once; errors other than refused and failed go to Temporal, which tries again. */
export async function runStep<Parameters, Observed extends Json, Read>(
  step: StepKind<Parameters, Observed, Read>,
  input: StepInput<Parameters>,
  tools: StepTools,
): Promise<StepOutcome> {
  try {
    if (input.mode === 'undo') return await undoStep(step, input, tools);
    const read = (await step.read?.(input, tools)) as Read; // undefined where the kind reads nothing, and Read is that
    return await decideAndApply(step, { ...input, read }, tools);
  } catch (error) {
    if (error instanceof StepRefused) {
      return outcome('refused', error.message, { details: error.reasons, evidence: error.evidence });
    }
    if (error instanceof StepFailed) {
      const { state, leftToDo } = error;
      return outcome('failed', error.message, { after: state, ...(leftToDo.length > 0 ? { leftToDo } : {}) });
    }
    throw error;
  }
}

/** A server or an agent that restarts is back within this time; a person who is asked for nothing is not. */
const passesWithinMs = 8_000;

/** What was seen in passing may be found again on the way. */
const distinct = (evidence: readonly Evidence[]): readonly Evidence[] => [
  ...new Map(evidence.map((one) => [JSON.stringify(one), one])).values(),
];

const waitMsOf = ({ waitMs = 60_000 }: { readonly waitMs?: number }): number => waitMs;

function patienceMs(step: { readonly waitMs?: number }, decision: Decision): number {
  if (decision.kind === 'wait') return waitMsOf(step);
  return decision.kind === 'refuse' && decision.mayPass === true ? passesWithinMs : 0;
}

/** Looks again while the answer is wait, or a refusal that may pass; a precheck looks once. */
async function decideWhenReady<Parameters, Observed extends Json, Read>(
  step: StepKind<Parameters, Observed, Read>,
  input: Attempt<Parameters, Read>,
  tools: StepTools,
): Promise<{ before: Observed; decision: Decision }> {
  const startedAt = tools.now();
  for (;;) {
    const before = await step.observe(input, tools);
    const decision = step.decide(before, input);
    if (input.mode === 'precheck' || tools.now() - startedAt >= patienceMs(step, decision))
      return { before, decision };
    tools.heartbeat('for' in decision ? decision.for : decision.kind);
    await tools.sleep(500);
  }
}

/** Looks again while what is missing is coming: one bad moment is no reason to wake a person. */
async function verifyWhenReady<Parameters, Observed extends Json, Read>(
  step: StepKind<Parameters, Observed, Read>,
  input: Attempt<Parameters, Read>,
  tools: StepTools,
  applied: Applied,
): Promise<Verified<Observed>> {
  const deadline = tools.now() + waitMsOf(step);
  for (let pauseMs = 100; ; pauseMs = Math.min(1_000, 2 * pauseMs)) {
    const lookedAt = tools.now();
    const verified = await step.verify(input, tools, applied);
    if (verified.ok || verified.isComing !== true || tools.now() >= deadline) return verified;
    tools.heartbeat(verified.summary);
    await tools.sleep(Math.max(pauseMs, tools.now() - lookedAt)); // a look at a whole cluster is work for it
  }
}

async function decideAndApply<Parameters, Observed extends Json, Read>(
  step: StepKind<Parameters, Observed, Read>,
  input: Attempt<Parameters, Read>,
  tools: StepTools,
): Promise<StepOutcome> {
  const { before, decision } = await decideWhenReady(step, input, tools);
  const { evidence: seen = [] } = decision;
  const unchanged = { before, after: before, evidence: seen };
  switch (decision.kind) {
    case 'already': {
      const { kind: _kind, because, ...remembered } = decision;
      return outcome('already', because, { ...unchanged, ...remembered });
    }
    case 'refuse':
      return outcome('refused', decision.reasons.join('; '), { ...unchanged, details: decision.reasons });
    case 'wait':
      return outcome('waiting', `waits for ${decision.for.join(' and ')}`, {
        ...unchanged,
        details: decision.for,
      });
    case 'apply':
      break;
  }
  if (input.mode === 'precheck') {
    return outcome('planned', decision.will.join('; '), { ...unchanged, details: decision.will });
  }
  await tools.reached(`${step.kind}:before-apply`);
  const startedAt = tools.now();
  const applied = await step.apply(input, before, tools);
  await tools.reached(`${step.kind}:after-apply`);
  const appliedMs = tools.now() - startedAt;
  const verified = await verifyWhenReady(step, input, tools, applied);
  const leftToDo = [verified.leftToDo, applied.leftToDo].filter((tasks) => tasks !== undefined);
  return outcome(verified.ok ? 'done' : 'failed', verified.summary, {
    before,
    after: verified.observed,
    details: applied.details ?? [],
    evidence: distinct([...seen, ...(applied.evidence ?? [])]),
    durationsMs: { apply: appliedMs, verify: tools.now() - startedAt - appliedMs, ...applied.durationsMs },
    ...(applied.snapshot === undefined ? {} : { snapshot: applied.snapshot }),
    ...(leftToDo.length === 0 ? {} : { leftToDo: leftToDo.flat() }),
  });
}

async function undoStep<Parameters, Observed extends Json, Read>(
  step: StepKind<Parameters, Observed, Read>,
  input: StepInput<Parameters>,
  tools: StepTools,
): Promise<StepOutcome> {
  if (step.undo === undefined) return outcome('refused', `${step.kind} has no way back`);
  const { summary, ...applied } = await step.undo(input, tools);
  return outcome('done', summary, {
    ...applied,
    details: applied.details ?? [],
    evidence: applied.evidence ?? [],
    durationsMs: applied.durationsMs ?? {},
  });
}
