import {
  allHandlersFinished,
  CancellationScope,
  condition,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { initialState } from '../domain/run-state.ts';
import type { RunRecord } from '../domain/run.ts';
import { checkPlan } from './check-plan.ts';
import { statusQuery, type ExecutePlanInput } from './messages.ts';
import { handleOperatorUpdates } from './operator-updates.ts';
import { PlanRun } from './plan-run.ts';
import { Publisher } from './publish.ts';

/**
 * Executes one compiled plan under the id `failover/<domain>`, which is the domain's lock. It never closes because a
 * step failed: what cannot go on is parked and waits for an Update.
 */
export async function executePlan(input: ExecutePlanInput): Promise<RunRecord> {
  const { plan, request, operation, startedAt, decisions } = input;
  checkPlan(plan, { workflowId: workflowInfo().workflowId, planDigest: request.planDigest });
  const publisher = new Publisher();
  const state = initialState(plan, request.by ?? 'not said', decisions);
  const run = new PlanRun(state, { operation, request, startedAt }, publisher);
  setHandler(statusQuery, () => run.record, { description: 'Where the run stands, step by step.' });
  handleOperatorUpdates(run);
  publisher.record(run.record);

  const record = await run.carryOut();
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  publisher.record(record);
  return record;
}
