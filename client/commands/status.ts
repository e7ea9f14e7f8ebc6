import type { ClientConfig } from '../config.ts';
import type { Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import type { FailoverClient } from '../failover-client.ts';
import { endingOf, followRun } from '../follow-run.ts';
import { questionsOf } from '../next-commands.ts';
import type { Output } from '../output.ts';
import { progressLines } from '../progress-lines.ts';
import { underWayLines } from '../under-way.ts';

export interface StatusOptions {
  readonly watch?: boolean;
}

/** Where a run stands and what it waits for; without an id, which runs there are. */
export async function status(
  config: ClientConfig,
  id: string | undefined,
  options: StatusOptions,
  output: Output,
): Promise<Ending> {
  return withClient(config, async (client) => {
    if (id === undefined) return listRuns(client, output);
    const record =
      options.watch === true
        ? await followRun(client, id, output, { onPark: 'wait' })
        : await client.status(id);
    const underWay = record.phase === 'closed' ? [] : await client.underWay(record);
    const questions = questionsOf(record);
    output.json({ ok: endingOf(record) === 'ok', workflowId: id, record, questions, underWay });
    if (options.watch !== true)
      for (const line of [...progressLines(undefined, record, Date.now()), ...underWayLines(underWay)])
        output.line(line);
    output.line(record.outcome ?? record.phase);
    return endingOf(record);
  });
}

async function listRuns(client: FailoverClient, output: Output): Promise<Ending> {
  const runs = await client.running();
  output.json({ ok: true, runs });
  for (const { id, startedAt, planOf } of runs)
    output.line(
      `${startedAt}  ${id}${planOf === undefined ? '' : `  (the plan of ${planOf}, which has ended itself)`}`,
    );
  if (runs.length === 0) output.line('no run is going on');
  return 'ok';
}
