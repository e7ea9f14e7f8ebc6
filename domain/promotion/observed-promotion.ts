import { judgeStamp } from '../operation.ts';
import type { StepInput } from '../step.ts';
import type { PromoteDatabaseParameters } from '../step-parameters.ts';
import { isReached, type JournalPhase, type JournalRow, type NodeFacts, type ReachedNode } from './facts.ts';
import type { Findings } from './findings.ts';
import type { Inspection } from './preflight.ts';

export type PromotionInput = StepInput<PromoteDatabaseParameters>;

/** Everything that promoteDatabase reads before it decides. */
export type ObservedPromotion = {
  readonly nodes: readonly NodeFacts[];
  /** Empty when the preflight does not matter any more (forced, or after the freeze). */
  readonly inspections: { readonly [node: string]: Inspection };
  /** Against the primary (the promoted one, once it is open): how far behind, and what only this node holds. */
  readonly compared: { readonly [node: string]: { readonly behind: number; readonly errant: string } };
  /** Where there is an opening on record to go on from: what its attempt had found out, and what waits on the node. */
  readonly opening?: { readonly findings: Findings | null; readonly disabledEvents: readonly string[] };
};

export const journalOf = (nodes: readonly NodeFacts[]): readonly JournalRow[] =>
  nodes.filter(isReached).flatMap((node) => node.journal);

/** The row of this very operation, in whichever journal it can be read. */
export const ownRow = (
  nodes: readonly NodeFacts[],
  input: Pick<PromotionInput, 'operation'>,
  phase: JournalPhase,
): JournalRow | undefined =>
  journalOf(nodes).find(
    (row) =>
      row.phase === phase && row.epoch === input.operation.epoch && row.operation === input.operation.id,
  );

export const nodeNamed = (nodes: readonly NodeFacts[], name: string): ReachedNode | undefined =>
  nodes.filter(isReached).find((node) => node.name === name);

/** A precheck holds no claim yet (epoch 0), so there is nothing to compare. */
export function staleReason(
  nodes: readonly NodeFacts[],
  { operation, mode }: Pick<PromotionInput, 'operation' | 'mode'>,
): string | undefined {
  if (mode === 'precheck' && operation.epoch === 0) return undefined;
  for (const node of nodes.filter(isReached)) {
    for (const row of node.journal) {
      const verdict = judgeStamp(row, operation.epoch, operation.id);
      if (verdict.kind === 'stale') return `the journal on ${node.name}: ${verdict.reason}`;
    }
  }
  return undefined;
}
