import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Holder } from '../activities/describe-holder.ts';
import type { Plan } from '../domain/plan.ts';
import type { FullRunRequest } from '../domain/run-request.ts';
import type { RunRecord } from '../domain/run.ts';
import { planWorkflowId, recordingWorkflowId } from '../domain/search-attributes.ts';
import { movesNothing } from '../domain/step-kinds.ts';
import { executePlan } from './execute-plan.ts';
import { describeHolder } from './planning-activities.ts';
import { searchAttributeKeys, type ExecutePlanInput, type HolderMemo } from './messages.ts';
import type { RunEntry } from './run-entry.ts';

/**
 * Ten seconds, the default, is how long a killed worker keeps a workflow task; the child is what must go on quickly.
 */
const workflowTaskTimeoutMs = 5_000;

/**
 * Starts the plan as `failover/<domain>` and waits for it. The id is the lock: who finds it taken is told by whom. A
 * plan that moves nothing runs under an id of its own and is in nobody's way.
 */
export async function runLocked(entry: RunEntry, request: FullRunRequest, plan: Plan): Promise<RunRecord> {
  const workflowId = movesNothing(plan.steps.map(({ kind }) => kind))
    ? recordingWorkflowId(plan.runbook, plan.domain)
    : planWorkflowId(plan.domain);
  const input: ExecutePlanInput = {
    plan,
    request,
    operation: workflowInfo().workflowId,
    startedAt: workflowInfo().runStartTime.getTime(),
    decisions: entry.decisions,
  };
  const memo: HolderMemo = {
    operation: input.operation,
    runbook: plan.runbook,
    by: request.by,
    reason: request.reason,
  };
  try {
    const child = await startChild(executePlan, {
      workflowId,
      args: [input],
      // The started workflow may be terminated or lost; a half-done failover must not stop with it.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      workflowTaskTimeout: workflowTaskTimeoutMs,
      staticSummary: `${plan.runbook}: ${request.reason}`.slice(0, 120),
      memo: { ...memo },
      typedSearchAttributes: searchAttributesOf(plan),
    });
    entry.show({ phase: 'running', runningIn: workflowId });
    return await child.result();
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    entry.show({
      outcome: 'refused',
      because: [busySentence(workflowId, plan.domain, await describeHolder({ workflowId }))],
    });
    return entry.record;
  }
}

const searchAttributesOf = (plan: Plan) => [
  { key: searchAttributeKeys.domain, value: plan.domain },
  { key: searchAttributeKeys.runbook, value: plan.runbook },
  { key: searchAttributeKeys.mode, value: plan.mode },
  ...(plan.from === undefined ? [] : [{ key: searchAttributeKeys.from, value: plan.from }]),
  ...(plan.to === undefined ? [] : [{ key: searchAttributeKeys.to, value: plan.to }]),
];

function busySentence(workflowId: string, domain: string, holder: Holder): string {
  const who = `run ${holder.operation} (${holder.runbook}, by ${holder.by}: ${holder.reason})`;
  return holder.isRunning
    ? `domain ${domain} is held by ${who} since ${holder.startedAt}, now ${holder.phase}; ` +
        `nothing was started. Follow it in workflow ${workflowId}, or wait until it has closed`
    : `domain ${domain} was held by ${who} a moment ago, and is free now; nothing was started: start again`;
}
