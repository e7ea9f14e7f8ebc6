import type { Finding } from './finding.ts';
import type { PossibleMove } from './possible-moves.ts';

/** What doctor asks about: what people start when a site is lost. */
const failover = 'site-failover';

/**
 * Every move that would bring databases up elsewhere, for it is unknown which site will be lost: those of site-failover, or
 * of every runbook that promotes where there is no such one. Besides, what only looks between the first two sites: a
 * rehearsal of the clusters.
 */
export function askedMoves(moves: readonly PossibleMove[]): readonly PossibleMove[] {
  const possible = moves.filter(({ isPossible }) => isPossible);
  const promoting = possible.filter(({ promotes }) => promotes);
  const failovers = promoting.filter(({ runbook }) => runbook === failover);
  const first = possible.find(({ movesNothing }) => !movesNothing) ?? possible[0];
  const real =
    [failovers, promoting].find(({ length }) => length > 0) ?? (first === undefined ? [] : [first]);
  const looks = possible.filter(
    (one) => one.movesNothing && !real.includes(one) && one.from === real[0]?.from && one.to === real[0].to,
  );
  return [...real, ...looks];
}

/** The compiler found nothing to move from this site: the one that stands by is allowed to serve nobody. */
const standsBy = /expected a step that stands for something here/;

/** A precheck that made no plan, line by line, each with the step of the runbook that it is about. */
export function refusalFindings(
  { runbook, from, to, stepIds }: PossibleMove,
  message: string,
): readonly Finding[] {
  const what = `precheck ${runbook} ${from} to ${to}`;
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 1 && standsBy.test(message))
    return [{ what, ok: true, detail: `nothing is served at ${from} now: there is nothing to move` }];
  return lines.map((detail) => {
    const step = stepIds[Number(/ steps\[(\d+)\]/.exec(detail)?.[1])];
    return {
      what: step === undefined ? what : `${what}, ${step}`,
      ok: false,
      detail,
      remedy: remedyFor(detail, { runbook, from, to }),
    };
  });
}

function remedyFor(
  line: string,
  { runbook, from, to }: Pick<PossibleMove, 'runbook' | 'from' | 'to'>,
): string {
  if (/find the primary of/.test(line))
    return 'start the database servers, or correct their addresses and accounts in the inventory; without a primary nothing can be promoted';
  if (/ expected .*, saw /.test(line))
    return `correct it; siteshift plan ${runbook} --from ${from} --to ${to} shows it again`;
  return "look at the run in Temporal's UI and at the worker's log";
}
