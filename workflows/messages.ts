import { defineQuery, defineUpdate } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Plan } from '../domain/plan.ts';
import type { OperatorDecision, RunRecord, RunRequest } from '../domain/run.ts';
import type { RunCommandName, RunCommands } from '../domain/run-commands.ts';

/** What `runRunbook` returns; Temporal's UI shows it as the run's result. */
export interface RunResult {
  readonly record: RunRecord;
  readonly markdown: string;
}

/** The single argument of `executePlan`, which only `runRunbook` starts. */
export interface ExecutePlanInput {
  readonly plan: Plan;
  readonly request: RunRequest;
  /** Id of the workflow that people started: the operation id that is stamped into every layer. */
  readonly operation: string;
  /** ms since 1970 when that workflow was started: the decision, from which the clock runs. */
  readonly startedAt: number;
  /** Approvals given before the start. */
  readonly decisions: readonly OperatorDecision[];
}

/** What a lock's holder is known by, kept in the memo of `failover/<domain>`. */
export interface HolderMemo {
  readonly operation: string;
  readonly runbook: string;
  readonly by: string;
  readonly reason: string;
}

/** Answered by both workflows; a run that executes its plan elsewhere names that workflow in `runningIn`. */
export const statusQuery = defineQuery<RunRecord>('status');

const command = <Name extends RunCommandName>(name: Name) =>
  defineUpdate<string, [RunCommands[Name]], Name>(name);

/** Every Update answers with one sentence, or is rejected with one. */
export const approveUpdate = command('approve');
export const declineUpdate = command('decline');
export const retryUpdate = command('retry');
export const skipUpdate = command('skip');
export const forceUpdate = command('force');
export const acceptUpdate = command('accept');
export const abortUpdate = command('abort');
export const setStyleUpdate = command('setStyle');
export const commitUpdate = command('commit');
export const rollBackUpdate = command('rollBack');

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);

export const searchAttributeKeys = {
  domain: keyword('DrDomain'),
  runbook: keyword('DrRunbook'),
  phase: keyword('DrPhase'),
  mode: keyword('DrMode'),
  outcome: keyword('DrOutcome'),
  from: keyword('DrFrom'),
  to: keyword('DrTo'),
};
