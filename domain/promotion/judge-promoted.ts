import type { JournalRow } from './facts.ts';
import { ownRow, type ObservedPromotion, type PromotionInput } from './observed-promotion.ts';

/** Forced past an old primary that could not be frozen: semi-sync is its fence, and to end it is left to do. */
export const leftBehind = (
  opened: JournalRow | undefined,
  writable: readonly string[],
  { style, parameters }: Pick<PromotionInput, 'style' | 'parameters'>,
): boolean =>
  style === 'forced' &&
  opened !== undefined &&
  writable.includes(opened.primary) &&
  writable.every((name) => name === opened.primary || name === parameters.primary);

/** Reads back what a promotion has brought about. @param frozenMs how long nobody could write, where this attempt knows it */
export function judgePromoted(
  observed: ObservedPromotion,
  input: PromotionInput,
  frozenMs: number | undefined,
): { readonly ok: boolean; readonly observed: ObservedPromotion; readonly summary: string } {
  const { operation, parameters } = input;
  const { database, primary } = parameters;
  const opened = ownRow(observed.nodes, { operation }, 'opened');
  const writable = observed.nodes
    .filter((node) => node.reachable && node.server.writable)
    .map((node) => node.name);
  const only = writable.length === 1 && writable[0] === opened?.primary;
  if (opened === undefined || !(only || leftBehind(opened, writable, input)))
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
