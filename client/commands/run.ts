import type { ClientConfig } from '../config.ts';
import type { Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import { endingOf, followRun } from '../follow-run.ts';
import type { FollowOptions } from '../follow-run.ts';
import type { Output } from '../output.ts';
import { requestOf } from '../request-options.ts';
import type { RequestOptions } from '../request-options.ts';

export type RunOptions = RequestOptions & FollowOptions & { readonly detach?: boolean };

/** Starts a runbook for real and follows it. The run goes on when this command is stopped. */
export async function run(
  config: ClientConfig,
  runbook: string,
  options: RunOptions,
  output: Output,
): Promise<Ending> {
  const request = requestOf(runbook, 'real', options, config.user);
  return withClient(config, async (client) => {
    const id = await client.start(request);
    output.note(`run ${id}`);
    if (config.ui !== undefined)
      output.note(`${config.ui}/namespaces/${config.temporal.namespace}/workflows/${encodeURIComponent(id)}`);
    if (options.detach === true) {
      output.json({ ok: true, workflowId: id });
      output.line(id);
      return 'ok';
    }
    const record = await followRun(client, id, output, options);
    output.json({ ok: endingOf(record) === 'ok', workflowId: id, record });
    output.line(`${record.outcome ?? record.phase}; report: siteshift report ${id}`);
    for (const sentence of record.because ?? []) output.line(`because: ${sentence}`);
    for (const task of record.leftToDo) output.line(`still to do: ${task}`);
    return endingOf(record);
  });
}
