import { Client, Connection } from '@temporalio/client';
import type { RunRequest } from '../domain/run.ts';
import type { runRunbook } from '../workflows/run-runbook.ts';
import type { TwoSiteLab } from './two-site-lab.ts';

const taskQueue = 'siteshift';
/** A precheck: it changes nothing, and one word makes it real. */
const template: RunRequest = { runbook: 'site-failover', from: 'east', to: 'west', mode: 'precheck' };

/**
 * A link to the UI's form with everything filled in. The form copies the input of a run that it is told of, and takes none
 * from the link itself: so there has to be one first.
 */
export async function startLink({
  uiUrl,
  environment,
}: Pick<TwoSiteLab, 'uiUrl' | 'environment'>): Promise<string> {
  const connection = await Connection.connect({ address: environment['SITESHIFT_TEMPORAL_ADDRESS'] ?? '' });
  try {
    const run = await new Client({ connection }).workflow.start<typeof runRunbook>('runRunbook', {
      taskQueue,
      workflowId: `template-${Date.now()}`,
      args: [template],
    });
    await run.result();
    const query = new URLSearchParams({
      taskQueue,
      workflowType: 'runRunbook',
      runId: run.firstExecutionRunId,
    });
    return `${uiUrl}/namespaces/default/workflows/start-workflow?${query.toString()}`;
  } finally {
    await connection.close();
  }
}
