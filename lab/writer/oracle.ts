import { createInterface } from 'node:readline';
import { createReadStream } from 'node:fs';
import { bucketOf } from '../../domain/routing.ts';
import type { AcknowledgedWrite } from './load.ts';

/** What a row says of itself. */
interface Write {
  readonly user: string;
  readonly seq: number;
  readonly unit: string;
  readonly epoch: number;
}

/** A row as it stands in the surviving database. */
export interface StoredWrite extends Write {
  /** Rises with the order in which rows were written, whichever server was the primary then. */
  readonly id: number;
}

/** A line of a unit application's own log: it heard at this moment that this write is committed. */
export interface CommittedWrite extends Write {
  readonly at: number;
  readonly bucket: number;
  readonly datasource: string;
}

export interface Verdict {
  readonly acknowledgedWrites: number;
  readonly lostWrites: number;
  readonly duplicateWrites: number;
  readonly misroutedWrites: number;
  /** The first few of each, so that a failure can be looked into. */
  readonly examples: readonly string[];
}

export async function readLines<Line>(file: string): Promise<Line[]> {
  const lines: Line[] = [];
  const reader = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const text of reader) {
    // The last line of a process that was killed may be cut off; it was not told to anybody.
    if (text.endsWith('}')) lines.push(JSON.parse(text) as Line);
  }
  return lines;
}

/**
 * Compares what users were told with what is there. Lost: acknowledged, but not stored. Duplicate: stored more than
 * once. Misrouted: committed by a unit after another unit had committed for the same bucket under a higher epoch.
 */
export function judge(
  acknowledged: readonly AcknowledgedWrite[],
  stored: ReadonlyMap<string, readonly StoredWrite[]>,
  committed: readonly CommittedWrite[],
  buckets: number,
): Verdict {
  const counts = new Map<string, number>();
  for (const [datasource, rows] of stored) {
    for (const row of rows) count(counts, `${datasource}/${row.user}/${row.seq}`);
  }
  const lost = acknowledged.filter((write) => !counts.has(`${write.datasource}/${write.user}/${write.seq}`));
  const duplicates = [...counts].filter(([, times]) => times > 1);
  const misrouted = findMisrouted(committed, buckets, stored);
  return {
    acknowledgedWrites: acknowledged.length,
    lostWrites: lost.length,
    duplicateWrites: duplicates.length,
    misroutedWrites: misrouted.length,
    examples: [
      ...lost.slice(0, 5).map((write) => `lost: ${JSON.stringify(write)}`),
      ...duplicates.slice(0, 5).map(([key, times]) => `stored ${times} times: ${key}`),
      ...misrouted.slice(0, 5).map((text) => `misrouted: ${text}`),
    ],
  };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/**
 * Walks the commits in time order; a bucket's epoch may only rise, and within one epoch it has one unit. The log says
 * when the application heard of a commit. In a partition that can be long after the standby had the row: such a
 * commit is put where its row stands in the survivor.
 */
export function findMisrouted(
  committed: readonly CommittedWrite[],
  buckets: number,
  stored: ReadonlyMap<string, readonly StoredWrite[]> = new Map(),
): string[] {
  const owners = new Map<number, CommittedWrite>();
  const found: string[] = [];
  for (const write of committed.toSorted((a, b) => a.at - b.at)) {
    if (bucketOf(write.user, buckets) !== write.bucket)
      found.push(`${JSON.stringify(write)} is not in that bucket`);
    const owner = owners.get(write.bucket);
    if (owner !== undefined && owner.unit !== write.unit && write.epoch <= owner.epoch) {
      const place = placeOf(write, stored.get(write.datasource) ?? [], buckets);
      if (place !== 'before')
        found.push(`${JSON.stringify(write)} after ${JSON.stringify(owner)}; its row: ${place}`);
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
