import { checkSecrets } from '../../domain/schema/secrets.ts';
import type { ClientConfig } from '../config.ts';
import type { Ending } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { possibleMoves } from '../possible-moves.ts';
import type { PossibleMove } from '../possible-moves.ts';
import { secretReader } from '../secrets.ts';
import { readSources } from '../source-files.ts';

/** Reads the inventory and every runbook and tells every problem at once. Touches nothing and nobody. */
export async function check(
  config: ClientConfig,
  options: { readonly secrets: boolean },
  output: Output,
): Promise<Ending> {
  const {
    inventory,
    runbooks,
    problems: found,
  } = await readSources(config.inventoryFile, config.runbooksFolder);
  const secrets =
    options.secrets && inventory !== undefined
      ? await checkSecrets(inventory, secretReader(config.environment))
      : [];
  const problems = [...found, ...secrets];
  const moves = inventory === undefined ? [] : possibleMoves(inventory, runbooks);
  output.json({
    ok: problems.length === 0,
    problems,
    runbooks: runbooks.map(({ value }) => value.name),
    moves,
  });
  for (const problem of problems) output.line(problem.message);
  if (problems.length > 0)
    output.line(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
  else if (inventory !== undefined)
    output.line(
      `${inventory.file} and ${runbooks.length} runbooks are valid (domain ${inventory.value.domain})`,
    );
  for (const move of moves) for (const line of moveLines(move)) output.line(line);
  return problems.length === 0 ? 'ok' : 'problems';
}

function moveLines({ runbook, from, to, isPossible, leftOut, because }: PossibleMove): readonly string[] {
  const what = `${runbook} from ${from} to ${to}`;
  return isPossible
    ? [
        `  ${what}: compiles${leftOut.length === 0 ? '' : `, without ${leftOut.map(({ id }) => id).join(', ')}`}`,
      ]
    : [`  ${what}: not possible`, ...because.map((why) => `    ${why}`)];
}
