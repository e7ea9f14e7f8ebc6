import type { Json } from './json.ts';
import type { Reversibility, StepOutcome, Style } from './step.ts';

export type RunMode = 'precheck' | 'real';

/** What people, alerts and schedules start `runRunbook` with: ONE object, because the UI sends one payload. */
export interface RunRequest {
  readonly runbook: string;
  readonly from?: string;
  readonly to?: string;
  /** Default precheck: execution is explicit. */
  readonly mode?: RunMode;
  readonly drill?: boolean;
  /** Default graceful. */
  readonly style?: Style;
  readonly reason?: string;
  readonly by?: string;
  /** Digest of a plan seen before; the run refuses to start anything else. */
  readonly planDigest?: string;
  readonly parameters?: { readonly [name: string]: Json };
}

export const runPhases = [
  'observing',
  'compiling',
  'awaiting-approval',
  'running',
  'parked',
  'holding',
  'undoing',
  'reporting',
  'closed',
] as const;
export type RunPhase = (typeof runPhases)[number];

export const runOutcomes = [
  'completed',
  'completed with skips',
  'aborted',
  'refused',
  'precheck passed',
  'precheck found problems',
] as const;
export type RunOutcome = (typeof runOutcomes)[number];

export type StepState = 'waiting' | 'running' | 'parked' | 'finished' | 'undone' | 'not reached';

/** A step as the status query, the UI's details and the report show it. Times are ms since 1970. */
export interface StepRecord {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly needs: readonly string[];
  readonly reversibility: Reversibility;
  readonly state: StepState;
  readonly attempts: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly outcome?: StepOutcome;
  /** What a parked or waiting step waits for, and from whom. */
  readonly waitingFor?: string;
  /** How undoing it went, after an abort or a roll back. */
  readonly undo?: StepOutcome;
}

/** A step of the runbook that stands for nothing here, and why: an absent branch must be seen, not missed. */
export interface LeftOutStep {
  readonly id: string;
  readonly kind: string;
  readonly because: string;
}

/** Something a person decided during the run. */
export interface OperatorDecision {
  readonly at: number;
  readonly by: string;
  readonly action:
    | 'approve'
    | 'decline'
    | 'retry'
    | 'skip'
    | 'force'
    | 'abort'
    | 'style'
    | 'commit'
    | 'roll back'
    | 'accept';
  readonly step?: string;
  readonly reason: string;
}

/** The one status type: the answer of the `status` query, and the report's source. */
export interface RunRecord {
  readonly operation: { readonly id: string; readonly domain: string; readonly epoch: number };
  readonly request: RunRequest;
  readonly planDigest?: string;
  readonly phase: RunPhase;
  readonly style: Style;
  readonly outcome?: RunOutcome;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly steps: readonly StepRecord[];
  /** Steps of the runbook that stand for nothing in this plan. */
  readonly leftOut?: readonly LeftOutStep[];
  readonly decisions: readonly OperatorDecision[];
  readonly leftToDo: readonly string[];
  /** Why the run was refused or aborted, or what of a request it could not follow; one sentence each. */
  readonly because?: readonly string[];
  /** Workflow that executes the plan (`failover/<domain>`): the one that answers for the steps and takes the Updates. */
  readonly runningIn?: string;
}
