import type { Json } from './json.ts';
import type { Plan, PlanStep } from './plan.ts';
import type { OperatorDecision, StepState } from './run.ts';
import type { StepOutcome, Style } from './step.ts';

/**
 * not passed: nothing irreversible has happened. unclear: an attempt failed or could not be read back, so it may have.
 * Unclear never becomes "not passed" again: undoing the rest around a half-promoted database would let two sites write.
 */
export type Opening = 'not passed' | 'unclear' | 'passed';

export interface StepProgress {
  readonly state: StepState;
  readonly attempts: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly outcome?: StepOutcome;
  readonly waitingFor?: string;
  /** Set by `force`; otherwise the plan step's style, then the run's. */
  readonly style?: Style;
  readonly overrides: { readonly [name: string]: string };
  /** An attempt changed the target, or may have: undoing it is needed. */
  readonly isTouched: boolean;
  readonly opening: Opening;
  /** The first one recorded: a later attempt would record what an earlier one of ours left behind. */
  readonly snapshot?: Json;
  /** Rising with each end; undoing goes backwards along it. */
  readonly endOrder: number;
  /** Skipped while its state was unknown: one more look comes first. */
  readonly skipAfterLook?: string;
  readonly undoing?: 'running' | 'parked' | 'ended';
  readonly undo?: StepOutcome;
}

export interface RunState {
  readonly plan: Plan;
  /** Runs of the same name and plan differ in this only: who asked, which the approval rule needs. */
  readonly requestedBy: string;
  readonly style: Style;
  readonly epoch: number;
  readonly steps: { readonly [id: string]: StepProgress };
  readonly decisions: readonly OperatorDecision[];
  readonly endings: number;
  readonly aborting?: { readonly by: string; readonly reason: string };
  readonly because: readonly string[];
}

/** The step that claims the epoch comes before everything that stamps one. */
export const claimKind = 'claimEpoch';

const unstarted: StepProgress = {
  state: 'waiting',
  attempts: 0,
  overrides: {},
  isTouched: false,
  opening: 'not passed',
  endOrder: 0,
};

export function initialState(
  plan: Plan,
  requestedBy: string,
  decisions: readonly OperatorDecision[],
): RunState {
  return {
    plan,
    requestedBy,
    style: plan.style,
    epoch: 0,
    steps: Object.fromEntries(plan.steps.map((step) => [step.id, unstarted])),
    decisions,
    endings: 0,
    because: [],
  };
}

export function progressOf(state: RunState, id: string): StepProgress {
  return state.steps[id] ?? unstarted;
}

export function withProgress(state: RunState, id: string, change: Partial<StepProgress>): RunState {
  return { ...state, steps: { ...state.steps, [id]: { ...progressOf(state, id), ...change } } };
}

/** Drops what the last attempt waited for; exactOptionalPropertyTypes forbids setting it to undefined. */
export function withoutWaiting(state: RunState, id: string): RunState {
  const { waitingFor: _waitingFor, skipAfterLook: _skipAfterLook, ...rest } = progressOf(state, id);
  return { ...state, steps: { ...state.steps, [id]: rest } };
}

export const styleOf = (state: RunState, step: PlanStep): Style =>
  progressOf(state, step.id).style ?? step.style ?? state.style;

export function stepStarted(state: RunState, id: string, now: number, waitingFor?: string): RunState {
  const progress = progressOf(state, id);
  return withProgress(state, id, {
    state: 'running',
    attempts: progress.attempts + 1,
    startedAt: progress.startedAt ?? now,
    ...(waitingFor === undefined ? {} : { waitingFor }),
  });
}

/** Takes an attempt's outcome: finished, or parked until an operator decides. A precheck never parks. */
export function stepEnded(state: RunState, step: PlanStep, outcome: StepOutcome, now: number): RunState {
  const progress = progressOf(state, step.id);
  const endings = state.endings + 1;
  const snapshot = progress.snapshot ?? outcome.snapshot;
  const ended: Partial<StepProgress> = {
    endedAt: now,
    outcome,
    endOrder: endings,
    isTouched: progress.isTouched || (state.plan.mode === 'real' && mayHaveChanged(outcome)),
    opening: openingAfter(step, progress.opening, outcome),
    ...(snapshot === undefined ? {} : { snapshot }),
  };
  const settled = withProgress(withoutWaiting(state, step.id), step.id, ended);
  const next = { ...settled, endings, epoch: epochAfter(state, step, outcome) };
  return isGood(outcome) || state.plan.mode === 'precheck'
    ? withProgress(next, step.id, { state: 'finished' })
    : withProgress(next, step.id, { state: 'parked', waitingFor: parkedSentence(outcome) });
}

const isGood = (outcome: StepOutcome): boolean =>
  outcome.status === 'done' || outcome.status === 'already' || outcome.status === 'skipped';

/** A repeated step that finds its own work done says already, and hands back the snapshot that the target kept. */
function mayHaveChanged(outcome: StepOutcome): boolean {
  const { status } = outcome;
  if (status === 'already') return outcome.snapshot !== undefined;
  return status === 'done' || status === 'failed' || status === 'unknown';
}

function openingAfter(step: PlanStep, before: Opening, outcome: StepOutcome): Opening {
  if (step.reversibility !== 'point-of-no-return' || before === 'passed') return before;
  if (outcome.status === 'done' || outcome.status === 'already') return 'passed';
  return outcome.status === 'failed' || outcome.status === 'unknown' ? 'unclear' : before;
}

function epochAfter(state: RunState, step: PlanStep, outcome: StepOutcome): number {
  if (step.kind !== claimKind || !isGood(outcome)) return state.epoch;
  const epoch = (outcome.after as { readonly epoch?: unknown } | null)?.epoch;
  return typeof epoch === 'number' ? epoch : state.epoch;
}

function parkedSentence(outcome: StepOutcome): string {
  const choices =
    outcome.status === 'refused' ? 'retry, force, accept, skip or abort' : 'retry, force, skip or abort';
  const why = outcome.details.length > 0 ? outcome.details.join('; ') : outcome.summary;
  return `an operator (${choices}): ${outcome.status}: ${why}`;
}

export function skippedOutcome(by: string, reason: string, last: StepOutcome | undefined): StepOutcome {
  return {
    status: 'skipped',
    summary: `skipped by ${by}: ${reason}`,
    details: last === undefined ? [] : [`before that: ${last.status}: ${last.summary}`],
    before: last?.before ?? null,
    after: last?.after ?? null,
    evidence: last?.evidence ?? [],
    durationsMs: last?.durationsMs ?? {},
    leftToDo: [...(last?.leftToDo ?? []), `skipped by ${by} (${reason}); see to it by hand`],
  };
}
