import type { StepInput } from '../step.ts';
import type { PromoteDatabaseParameters } from '../step-parameters.ts';
import { ownRow, type ObservedPromotion } from './observed-promotion.ts';

/** Reads back what a promotion has brought about. @param frozenMs how long nobody could write, where this attempt knows it */
export function judgePromoted(
  observed: ObservedPromotion,
  { operation, parameters, style }: StepInput<PromoteDatabaseParameters>,
  frozenMs: number | undefined,
): { readonly ok: boolean; readonly observed: ObservedPromotion; readonly summary: string } {
  const { database, primary } = parameters;
  const opened = ownRow(observed.nodes, { operation }, 'opened');
  const writable = observed.nodes
    .filter((node) => node.reachable && node.server.writable)
    .map((node) => node.name);
  const only = writable.length === 1 && writable[0] === opened?.primary;
  // Forced past an old primary that could not be frozen: semi-sync is its fence, and it is left to do.
  const fencedOld =
    style === 'forced' &&
    opened !== undefined &&
    writable.every((name) => name === opened.primary || name === primary) &&
    writable.includes(opened.primary);
  if (opened === undefined || !(only || fencedOld))
    return {
      ok: false,
      observed,
      summary: `${database}: expected the promoted node alone to accept writes, seen ${writable.join(' and ') || 'none'}; journal: ${opened?.primary ?? 'no row of this operation'}`,
    };
  const took = frozenMs === undefined ? '' : `, ${Math.round(frozenMs)} ms frozen`;
  return {
    ok: true,
    observed,
    summary: `${database}: ${opened.primary} is primary at epoch ${operation.epoch} (was ${primary})${took}`,
  };
}
