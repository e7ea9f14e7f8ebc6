import type { Json } from '../json.ts';
import type { Evidence } from '../step.ts';
import { isReached, isReplica, type JournalRow } from './facts.ts';
import { newestOpening } from './interrupted.ts';
import { nodeNamed, type ObservedPromotion } from './observed-promotion.ts';

/**
 * What an attempt had found out when it put the opening on record, stored beside that row: the attempt may die the next
 * moment, and what it had seen before the opening nobody can look up afterwards.
 */
export type Findings = {
  readonly evidence: readonly { readonly what: string; readonly value: Json; readonly source: string }[];
  readonly details: readonly string[];
  readonly durationsMs: { readonly [name: string]: number };
  /** ms since 1970; null where the old primary was not frozen. */
  readonly frozenSince: number | null;
};

/** null: the row stems from a version that did not write it down, or somebody has changed it by hand. */
export function parseFindings(text: string): Findings | null {
  try {
    const value = JSON.parse(text) as Partial<Findings> | null;
    const { evidence, details, durationsMs, frozenSince } = value ?? {};
    if (!Array.isArray(evidence) || !Array.isArray(details) || typeof durationsMs !== 'object') return null;
    return { evidence, details, durationsMs, frozenSince: frozenSince ?? null };
  } catch {
    return null;
  }
}

export const promotionPosition = 'promotion position';

/** The evidence of an opening on record, for an attempt that comes after the one that made it. */
export function recordedEvidence(row: JournalRow, findings: Findings | null): readonly Evidence[] {
  const { primary, previous, position, durability, epoch, operation } = row;
  const evidence: readonly Evidence[] = findings?.evidence ?? [
    {
      what: 'loss',
      value: 'not known: nothing about it was recorded with the opening',
      source: `journal on ${primary}`,
    },
  ];
  return [
    ...evidence,
    ...(evidence.some(({ what }) => what === promotionPosition)
      ? []
      : [{ what: promotionPosition, value: position, source: `journal on ${primary}` }]),
    { what: 'opening on record', value: { epoch, operation, previous, durability }, source: primary },
  ];
}

/**
 * What the promotion before has cost, read from the servers: only now that the primary of that time answers again can
 * it be compared. One that follows again tells nothing any more; it may have been rebuilt.
 */
export function measuredLoss({ nodes, compared }: ObservedPromotion): readonly Evidence[] {
  const opened = newestOpening(nodes);
  const current = opened === undefined ? undefined : nodeNamed(nodes, opened.primary);
  const ahead = nodes
    .filter(isReached)
    .filter(({ name }) => (compared[name]?.errant ?? '') !== '')
    .map(({ name }) => ({
      what: `transactions that only ${name} holds`,
      value: compared[name]?.errant ?? '',
      source: name,
    }));
  const old = opened === undefined ? undefined : nodeNamed(nodes, opened.previous);
  if (opened === undefined || current === undefined || old === undefined || isReplica(old)) return ahead;
  const isReference = compared[current.name] === undefined; // all others are compared with it
  const isMeasured = isReference && !old.server.writable && compared[old.name]?.errant === '';
  return isMeasured
    ? [
        ...ahead,
        {
          what: `loss of the promotion at epoch ${opened.epoch}, measured`,
          value: `none: ${old.name} holds nothing that ${current.name} lacks`,
          source: old.name,
        },
      ]
    : ahead;
}
