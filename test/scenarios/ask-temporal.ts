import { Client, Connection, type WorkflowClient } from '@temporalio/client';
import { domain } from '../../lab/sites/layout.ts';
import type { ProductEnvironment } from '../../lab/sites/start-worker.ts';

/** The run that executes a plan: the lock of the lab's domain. */
export const planRun = `failover/${domain}`;

/** Ends workflows as a person can in the UI: at once, and without any code of ours. */
export const terminate = (environment: ProductEnvironment, workflowIds: readonly string[]): Promise<void> =>
  withTemporal(environment, async (workflows) => {
    for (const id of workflowIds) await workflows.getHandle(id).terminate('a scenario of the tests');
  });

/** What the steps under way say: the last heartbeat of each, as the UI shows it beside the pending activity. */
export const heartbeats = (environment: ProductEnvironment): Promise<string> =>
  withTemporal(environment, async (workflows) => {
    const { raw } = await workflows.getHandle(planRun).describe();
    return (raw.pendingActivities ?? [])
      .flatMap(({ heartbeatDetails }) => heartbeatDetails?.payloads ?? [])
      .map(({ data }) => Buffer.from(data ?? []).toString())
      .join('\n');
  });

async function withTemporal<Result>(
  environment: ProductEnvironment,
  work: (workflows: WorkflowClient) => Promise<Result>,
): Promise<Result> {
  const connection = await Connection.connect({ address: environment['SITESHIFT_TEMPORAL_ADDRESS'] ?? '' });
  try {
    return await work(new Client({ connection }).workflow);
  } finally {
    await connection.close();
  }
}
