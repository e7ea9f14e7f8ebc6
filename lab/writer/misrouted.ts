import { bucketOf } from '../../domain/routing.ts';
import type { CommittedWrite, FirstRules, StoredWrite, Write } from './oracle.ts';

/** A write that a unit took although the bucket was another's. */
export interface Misrouted {
  readonly datasource: string;
  readonly write: Write;
  readonly words: string;
}

/**
 * Judges every row of the survivor, also those whose application died before it could log them: under the first rules a
 * bucket is its home's, under any epoch it has one unit, over all databases, and behind a row of a higher epoch in the
 * same database no other unit has a row of a lower one.
 */
export function misroutedRows(
  stored: ReadonlyMap<string, readonly StoredWrite[]>,
  { buckets, epoch, homeOf }: FirstRules,
): readonly Misrouted[] {
  const unitUnder = new Map<string, string>();
  return [...stored].flatMap(([datasource, rows]) => {
    const newest = new Map<number, StoredWrite>();
    return rows
      .toSorted((a, b) => a.id - b.id)
      .flatMap((row): readonly Misrouted[] => {
        const bucket = bucketOf(row.user, buckets);
        const rule = `${bucket}/${row.epoch}`;
        const unit = unitUnder.get(rule) ?? (row.epoch === epoch ? homeOf(bucket) : row.unit);
        unitUnder.set(rule, unit);
        const before = newest.get(bucket);
        if (before === undefined || row.epoch >= before.epoch) newest.set(bucket, row);
        const where = `row ${JSON.stringify(row)} of ${datasource}, bucket ${bucket}`;
        if (row.unit !== unit)
          return [{ datasource, write: row, words: `${where}: under its epoch the bucket is ${unit}'s` }];
        const isBehind = before !== undefined && before.unit !== row.unit && row.epoch < before.epoch;
        return isBehind
          ? [{ datasource, write: row, words: `${where}: stored behind ${JSON.stringify(before)}` }]
          : [];
      });
  });
}

/**
 * Walks the commits in time order; a bucket's epoch may only rise, and within one epoch it has one unit. The log says
 * when the application heard of a commit. In a partition that can be long after the standby had the row: such a
 * commit is put where its row stands in the survivor.
 */
export function misroutedCommits(
  committed: readonly CommittedWrite[],
  buckets: number,
  stored: ReadonlyMap<string, readonly StoredWrite[]> = new Map(),
): readonly Misrouted[] {
  const owners = new Map<number, CommittedWrite>();
  const found: Misrouted[] = [];
  const tell = (write: CommittedWrite, words: string) =>
    found.push({ datasource: write.datasource, write, words: `${JSON.stringify(write)} ${words}` });
  for (const write of committed.toSorted((a, b) => a.at - b.at)) {
    if (bucketOf(write.user, buckets) !== write.bucket) tell(write, 'is not in that bucket');
    const owner = owners.get(write.bucket);
    if (owner !== undefined && owner.unit !== write.unit && write.epoch <= owner.epoch) {
      const place = placeOf(write, stored.get(write.datasource) ?? [], buckets);
      if (place !== 'before') tell(write, `after ${JSON.stringify(owner)}; its row: ${place}`);
      continue;
    }
    if (owner === undefined || write.epoch >= owner.epoch) owners.set(write.bucket, write);
  }
  return found;
}

/** Where the write's row stands in the survivor: before or after the first that another unit wrote for its bucket. */
function placeOf(
  write: CommittedWrite,
  rows: readonly StoredWrite[],
  buckets: number,
): 'before' | 'after' | 'missing' {
  const row = rows.find(
    ({ user, seq, unit }) => user === write.user && seq === write.seq && unit === write.unit,
  );
  if (row === undefined) return 'missing';
  const takenOver = rows.filter(
    ({ user, unit, epoch }) =>
      unit !== write.unit && epoch >= write.epoch && bucketOf(user, buckets) === write.bucket,
  );
  return takenOver.length > 0 && takenOver.every(({ id }) => id > row.id) ? 'before' : 'after';
}
