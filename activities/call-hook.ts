import { decideHook, parseHookObservation, type HookObservation } from '../domain/hook.ts';
import type { Json } from '../domain/json.ts';
import type { CallHookParameters } from '../domain/step-parameters.ts';
import type { StepInput } from '../domain/step.ts';
import { StepRefused, type Applied, type StepKind } from './define-step.ts';
import type { StepTools } from './tools.ts';

type HookAction = 'observe' | 'apply' | 'undo';
type HookInput = StepInput<CallHookParameters>;

/** Larger answers belong into the hook's own log: an outcome is kept in the history. */
const longestAnswerBytes = 64 * 1024;

/**
 * The user's own step: one HTTP endpoint that is asked to observe, to apply and to undo (docs/hooks.md). What makes it
 * safe to repeat is the hook's own look at its target; the idempotency key tells it which call is the same one.
 */
export const callHook: StepKind<CallHookParameters, Json> = {
  kind: 'callHook',

  async observe(input, tools) {
    return toJson(await observeHook(input, tools));
  },

  decide: (observed) => decideHook(observed as unknown as HookObservation),

  async apply(input, _observed, tools) {
    return appliedOf(await call(input, 'apply', tools));
  },

  async verify(input, tools) {
    const observed = await observeHook(input, tools);
    const ok = observed.state === 'already';
    const { hook } = input.parameters;
    const summary = ok
      ? `${hook}: ${observed.summary}`
      : `${hook}: expected state already after apply; seen ${observed.state}: ${observed.summary}`;
    return { ok, isComing: observed.state === 'wait', observed: toJson(observed), summary };
  },

  async undo(input, tools) {
    const answer = await call(input, 'undo', tools);
    const { summary } = memberOf(answer);
    return {
      ...appliedOf(answer),
      summary: `${input.parameters.hook}: ${typeof summary === 'string' ? summary : 'undone'}`,
    };
  },
};

const toJson = (observed: HookObservation): Json => ({ ...observed });

async function observeHook(input: HookInput, tools: StepTools): Promise<HookObservation> {
  const observed = parseHookObservation(await call(input, 'observe', tools));
  if (!('problem' in observed)) return observed;
  const { hook, url } = input.parameters;
  throw new Error(`hook ${hook} (${url}) answered observe with something else: ${observed.problem}`);
}

async function call(input: HookInput, action: HookAction, tools: StepTools): Promise<Json> {
  const { hook, url, token, timeoutMs } = input.parameters;
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'error',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': `${input.operation.id}/${input.operation.epoch}/${input.step}/${action}`,
      ...(token === undefined ? {} : { authorization: `Bearer ${await tools.secret(token)}` }),
    },
    body: JSON.stringify(requestOf(input, action)),
    signal: AbortSignal.any([tools.signal, AbortSignal.timeout(timeoutMs)]),
  }).catch((error: unknown) => {
    throw new Error(
      `${action} at hook ${hook} (${url}): no answer within ${timeoutMs} ms: ${causeOf(error)}`,
    );
  });
  const answer = await readAnswer(response, `${action} at hook ${hook} (${url})`);
  if (response.status === 409) throw new StepRefused(reasonsOf(answer, hook));
  if (response.ok) return answer;
  throw new Error(
    `${action} at hook ${hook} (${url}): expected status 200 or 409, seen ${response.status}: ` +
      JSON.stringify(answer).slice(0, 200),
  );
}

const requestOf = (input: HookInput, action: HookAction): Json => ({
  action,
  operation: { ...input.operation },
  step: input.step,
  style: input.style,
  isPrecheck: input.mode === 'precheck',
  with: input.parameters.with,
  snapshot: input.snapshot ?? null,
});

async function readAnswer(response: Response, attempted: string): Promise<Json> {
  const text = await response.text();
  if (Buffer.byteLength(text) > longestAnswerBytes) {
    throw new Error(
      `${attempted}: expected an answer of at most ${longestAnswerBytes} bytes, seen ${text.length}`,
    );
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Error(`${attempted}: expected JSON, seen status ${response.status}: ${text.slice(0, 200)}`);
  }
}

const memberOf = (answer: Json): { readonly [key: string]: Json } =>
  answer !== null && typeof answer === 'object' && !Array.isArray(answer)
    ? (answer as { readonly [key: string]: Json })
    : {};

const sentencesOf = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

function reasonsOf(answer: Json, hook: string): readonly string[] {
  const reasons = sentencesOf(memberOf(answer).reasons);
  return reasons.length > 0 ? reasons : [`hook ${hook} refused without a reason`];
}

function appliedOf(answer: Json): Applied {
  const { snapshot, details, leftToDo } = memberOf(answer);
  return {
    ...(snapshot === undefined ? {} : { snapshot }),
    details: sentencesOf(details),
    leftToDo: sentencesOf(leftToDo),
  };
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
