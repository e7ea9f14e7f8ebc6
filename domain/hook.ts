import type { Json } from './json.ts';
import type { Decision } from './step.ts';

/** What a hook answers to `observe`: how its target stands, seen from what it is asked for. */
export const hookStates = ['already', 'apply', 'refuse', 'wait'] as const;
export type HookState = (typeof hookStates)[number];

/** The state of a hook's target as the hook tells it; the whole answer is kept as the step's before and after. */
export interface HookObservation {
  readonly state: HookState;
  readonly summary: string;
  /** Why it refuses, what it waits for, or what it would do; one sentence each. */
  readonly reasons: readonly string[];
  /** What the target itself still knows of the state before, for an undo after a repeated step. */
  readonly snapshot: Json;
  /** Anything the hook wants to have in the report. */
  readonly observed: Json;
}

/** Reads the answer to `observe`; problems name what was expected and seen. */
export function parseHookObservation(answer: Json): HookObservation | { readonly problem: string } {
  if (answer === null || typeof answer !== 'object' || Array.isArray(answer)) {
    return {
      problem: `expected a JSON object with state and summary; seen ${JSON.stringify(answer).slice(0, 60)}`,
    };
  }
  const { state, summary, reasons, snapshot, observed } = answer as { readonly [key: string]: Json };
  if (!hookStates.some((known) => known === state)) {
    return { problem: `state must be ${hookStates.join(', ')}; seen ${JSON.stringify(state ?? null)}` };
  }
  if (typeof summary !== 'string' || summary === '') {
    return { problem: `summary must be a sentence; seen ${JSON.stringify(summary ?? null)}` };
  }
  const sentences = Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === 'string') : [];
  return {
    state: state as HookState,
    summary,
    reasons: sentences.length > 0 ? sentences : [summary],
    snapshot: snapshot ?? null,
    observed: observed ?? null,
  };
}

export function decideHook({ state, summary, reasons, snapshot }: HookObservation): Decision {
  switch (state) {
    case 'already':
      return { kind: 'already', because: summary, ...(snapshot === null ? {} : { snapshot }) };
    case 'apply':
      return { kind: 'apply', will: reasons };
    case 'refuse':
      return { kind: 'refuse', reasons };
    case 'wait':
      return { kind: 'wait', for: reasons };
    default:
      return state satisfies never;
  }
}
