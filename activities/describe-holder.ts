import { Context, getClient } from '@temporalio/activity';
import { heartbeating } from './step-activity.ts';

/** Who holds a failover domain, as the run that found it taken tells people. */
export interface Holder {
  readonly isRunning: boolean;
  readonly operation: string;
  readonly runbook: string;
  readonly by: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly phase: string;
}

export type DescribeHolder = (input: { readonly workflowId: string }) => Promise<Holder>;

export const describeHolder: DescribeHolder = async ({ workflowId }) => {
  const handle = getClient().workflow.getHandle(workflowId);
  const description = await heartbeating(Context.current(), () => handle.describe());
  const memo = description.memo ?? {};
  const said = (name: string): string => (typeof memo[name] === 'string' ? memo[name] : 'not said');
  const [phase] = (description.searchAttributes['DrPhase'] ?? []) as readonly unknown[];
  return {
    isRunning: description.status.name === 'RUNNING',
    operation: said('operation'),
    runbook: said('runbook'),
    by: said('by'),
    reason: said('reason'),
    startedAt: description.startTime.toISOString(),
    phase: typeof phase === 'string' ? phase : 'in an unknown phase',
  };
};
