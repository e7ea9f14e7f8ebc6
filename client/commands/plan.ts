import type { ClientConfig } from '../config.ts';
import type { Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import { endingOf } from '../follow-run.ts';
import type { Output } from '../output.ts';
import { planTree } from '../plan-tree.ts';
import { requestOf } from '../request-options.ts';
import type { RequestOptions } from '../request-options.ts';

/** Runs the runbook as a precheck: the plan as a tree, with what each step would do to the systems as they are now. */
export async function plan(
  config: ClientConfig,
  runbook: string,
  options: RequestOptions,
  output: Output,
): Promise<Ending> {
  const request = requestOf(runbook, 'precheck', options, config.user);
  return withClient(config, async (client) => {
    const id = await client.start(request);
    output.note(`precheck ${id}`);
    const { record } = await client.result(id);
    output.json({
      ok: record.outcome === 'precheck passed',
      workflowId: id,
      planDigest: record.planDigest,
      record,
    });
    for (const line of planTree(record)) output.line(line);
    for (const note of record.because ?? []) output.line(`note: ${note}`);
    output.line(`${record.outcome ?? record.phase}; plan digest ${record.planDigest ?? 'none'}`);
    output.line('→ would act   = already so   … waits   ✗ refuses   ? unknown');
    return endingOf(record);
  });
}
