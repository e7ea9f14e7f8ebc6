import type { Json } from './json.ts';
import type { Operation } from './operation.ts';

/** Graceful keeps every guarantee and gives up when it cannot; forced accepts what the step kind says it accepts. */
export const styles = ['graceful', 'forced'] as const;
export type Style = (typeof styles)[number];

/** precheck looks and decides, apply acts, undo puts back what apply's snapshot recorded. */
export const stepModes = ['precheck', 'apply', 'undo'] as const;
export type StepMode = (typeof stepModes)[number];

/**
 * reversible: an abort undoes it. forward-only: it is not undone, but harms nothing when it stays.
 * point-of-no-return: from its opening on the only way is forward (an abort is refused with the reason).
 */
export const reversibilities = ['reversible', 'forward-only', 'point-of-no-return'] as const;
export type Reversibility = (typeof reversibilities)[number];

/** The single argument of every step activity. */
export interface StepInput<Parameters = Json> {
  readonly operation: Operation;
  /** Id of the step in the plan, e.g. `promote/orders`. */
  readonly step: string;
  readonly mode: StepMode;
  readonly style: Style;
  readonly parameters: Parameters;
  /** What this step recorded before it changed anything: the input of `undo`. */
  readonly snapshot?: Json;
  /** An operator's recorded answer to a refusal, e.g. `acceptUnfenced`, with the reason given. */
  readonly overrides?: { readonly [name: string]: string };
}

/** What `decide` answers: a pure function of what was observed and what is wished. `evidence`: what was seen in passing. */
export type Decision = { readonly evidence?: readonly Evidence[] } & (
  | ({ readonly kind: 'already'; readonly because: string } & Remembered)
  | { readonly kind: 'apply'; readonly will: readonly string[] }
  /** `mayPass`: by what is seen of targets that may only be restarting; it counts after some seconds of looking again. */
  | { readonly kind: 'refuse'; readonly reasons: readonly string[]; readonly mayPass?: boolean }
  | { readonly kind: 'wait'; readonly for: readonly string[] }
);

/**
 * What the target itself still knows of how it came to be so. The attempt that changed it may have died before it could
 * tell: without this the report would lose its evidence, an abort its way back, and a person what is left to do.
 */
type Remembered = Partial<Pick<StepOutcome, 'snapshot' | 'details' | 'durationsMs' | 'leftToDo'>>;

/**
 * done: changed by us. already: was so (also our own earlier attempt). planned: precheck says it would act.
 * refused: a rule forbids it; nothing was changed. failed: it was tried, the target is known to be unchanged
 * or half-changed as `after` says. unknown: the target's state could not be read back; look again first.
 */
export const outcomeStatuses = [
  'done',
  'already',
  'planned',
  'refused',
  'waiting',
  'failed',
  'unknown',
  'skipped',
] as const;
export type OutcomeStatus = (typeof outcomeStatuses)[number];

/** A measured or read fact that a decision rested on, worded for the report. */
export interface Evidence {
  readonly what: string;
  readonly value: Json;
  readonly source: string;
}

export interface StepOutcome {
  readonly status: OutcomeStatus;
  /** One sentence for the timeline, e.g. "orders: west-1 is primary at epoch 12 (was east-1), 31 ms frozen". */
  readonly summary: string;
  /** What it refused or waits for, and from whom; or what it would do (precheck). */
  readonly details: readonly string[];
  readonly before: Json;
  readonly after: Json;
  readonly evidence: readonly Evidence[];
  /** Named durations in milliseconds, e.g. `freezeToOpen`. */
  readonly durationsMs: { readonly [name: string]: number };
  /** Recorded before the change; failback and undo take it as input. */
  readonly snapshot?: Json;
  /** What is still to do by hand, e.g. at the lost site. */
  readonly leftToDo?: readonly string[];
}
