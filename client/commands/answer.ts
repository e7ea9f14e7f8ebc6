import { commandProblems } from '../../domain/run-commands.ts';
import type { RunCommandName, RunCommands } from '../../domain/run-commands.ts';
import type { ClientConfig } from '../config.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import type { Output } from '../output.ts';

export interface AnswerOptions {
  readonly reason?: string;
  readonly by?: string;
  readonly step?: string;
  readonly digest?: string;
  readonly value?: string;
}

/** Sends one operator's answer and says what the run said. Wrong payloads are told here, before anything is sent. */
export async function answer(
  config: ClientConfig,
  name: RunCommandName,
  id: string,
  fields: { readonly [field: string]: string | undefined },
  output: Output,
): Promise<Ending> {
  const given = Object.entries({ by: config.user, ...fields }).filter(([, value]) => value !== undefined);
  const payload: unknown = Object.fromEntries(given);
  const problems = commandProblems(name, payload);
  if (problems.length > 0) throw new CommandFailure('usage', problems.join('\n'));
  return withClient<Ending>(config, async (client) => {
    const said = await client.command(id, name, payload as RunCommands[RunCommandName]);
    output.json({ ok: true, workflowId: id, answer: said });
    output.line(said);
    return 'ok';
  });
}
