import { createInterface } from 'node:readline';
import { createReadStream } from 'node:fs';
import type { AcknowledgedWrite } from './load.ts';
import { misroutedCommits, misroutedRows } from './misrouted.ts';

/** What a row says of itself. */
export interface Write {
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

/** The rules that the gateways start with; every later epoch is higher. */
export interface FirstRules {
  readonly buckets: number;
  readonly epoch: number;
  readonly homeOf: (bucket: number) => string;
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
 * once. Misrouted: taken by a unit that was not the bucket's under the rules in force, by the rows themselves and, for
 * what the survivor does not have, by the units' own logs.
 */
export function judge(
  acknowledged: readonly AcknowledgedWrite[],
  stored: ReadonlyMap<string, readonly StoredWrite[]>,
  committed: readonly CommittedWrite[],
  rules: FirstRules,
): Verdict {
  const counts = new Map<string, number>();
  for (const [datasource, rows] of stored) {
    for (const row of rows) count(counts, `${datasource}/${row.user}/${row.seq}`);
  }
  const lost = acknowledged.filter((write) => !counts.has(`${write.datasource}/${write.user}/${write.seq}`));
  const duplicates = [...counts].filter(([, times]) => times > 1);
  // The log and the row of one write count once.
  const misrouted = new Map(
    [...misroutedRows(stored, rules), ...misroutedCommits(committed, rules.buckets, stored)].map(
      ({ datasource, write, words }) => [`${datasource}/${write.user}/${write.seq}/${write.unit}`, words],
    ),
  );
  return {
    acknowledgedWrites: acknowledged.length,
    lostWrites: lost.length,
    duplicateWrites: duplicates.length,
    misroutedWrites: misrouted.size,
    examples: [
      ...lost.slice(0, 5).map((write) => `lost: ${JSON.stringify(write)}`),
      ...duplicates.slice(0, 5).map(([key, times]) => `stored ${times} times: ${key}`),
      ...[...misrouted.values()].slice(0, 5).map((text) => `misrouted: ${text}`),
    ],
  };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
