import { isReached, isReplica, type JournalRow, type NodeFacts } from './facts.ts';
import { journalOf, nodeNamed, ownRow, type PromotionInput } from './observed-promotion.ts';

// An operation can end for good in mid-promotion (its workflow was terminated). The next one goes on from what the
// journals and the servers say; the locks on all nodes prove that the earlier one sends no statement any more.

const later = (a: JournalRow, b: JournalRow): number =>
  b.epoch - a.epoch || Number(a.phase === 'intended') - Number(b.phase === 'intended');

/** The newest row of all journals that could be read; of one epoch the one that came after the intention. */
export const newestRow = (nodes: readonly NodeFacts[]): JournalRow | undefined =>
  journalOf(nodes).toSorted(later)[0];

/** The newest row that says that somebody was opened. */
export const newestOpening = (nodes: readonly NodeFacts[]): JournalRow | undefined =>
  journalOf(nodes)
    .filter((row) => row.phase === 'opened')
    .toSorted(later)[0];

const anyWritable = (nodes: readonly NodeFacts[]): boolean =>
  nodes.filter(isReached).some((node) => node.server.writable);

/** The intention whose operation froze the node `previous` and then opened nobody. */
export function interruptedFreeze(nodes: readonly NodeFacts[]): JournalRow | undefined {
  const row = newestRow(nodes);
  if (row?.phase !== 'intended' || anyWritable(nodes)) return undefined;
  const previous = nodes.find((node) => node.name === row.previous);
  // One that follows somebody was given a new primary since then, by hand.
  return previous === undefined || (isReached(previous) && isReplica(previous)) ? undefined : row;
}

/**
 * The opening that a promotion has to bring to its end: its own, or one of a lower epoch whose operation ended too
 * early. Who is on record and follows nobody is the primary, open or not: it may have accepted writes since.
 */
export function openingToFinish(
  nodes: readonly NodeFacts[],
  input: Pick<PromotionInput, 'operation' | 'mode' | 'parameters'>,
): JournalRow | undefined {
  const own = ownRow(nodes, input, 'opened');
  if (own !== undefined) return own;
  const { operation, parameters, mode } = input;
  const row = newestOpening(nodes);
  const isEarlier = row !== undefined && (row.epoch < operation.epoch || mode === 'precheck');
  if (!isEarlier || row.primary === parameters.primary) return undefined;
  const promoted = nodeNamed(nodes, row.primary);
  if (promoted === undefined || promoted.site !== parameters.toSite || isReplica(promoted)) return undefined;
  const others = nodes.filter((node) => node.name !== row.primary);
  return anyWritable(others) || mayBeOpen(nodes, parameters.primary) !== undefined ? undefined : row;
}

/**
 * Who was on the way to be opened, or was opened, and cannot be asked: as long as that is so, opening anybody else
 * could make two primaries.
 */
export function mayBeOpen(nodes: readonly NodeFacts[], primary: string): JournalRow | undefined {
  const row = newestRow(nodes);
  if (row === undefined || row.phase === 'undone' || row.primary === primary || anyWritable(nodes))
    return undefined;
  const isKnown = nodes.some((node) => node.name === row.primary);
  return isKnown && nodeNamed(nodes, row.primary) === undefined ? row : undefined;
}

export const whyMayBeOpen = (row: JournalRow): string =>
  `${row.primary} cannot be reached, and operation ${row.operation} ${row.phase === 'opened' ? 'opened it' : 'was about to open it'} at epoch ${row.epoch}: it may be accepting writes`;
