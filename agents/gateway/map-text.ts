import type { BucketRule, RoutingTable, StampedRules } from '../../domain/routing.ts';

/**
 * The proxy's one table: bucket -> unit|state|epoch, plus who made it. One table, because a proxy commits one map at
 * a time: mapping and fence in two maps could cross within a request.
 */
export function mapEntries(rules: StampedRules): readonly string[] {
  return [
    ...rules.table.map((rule, bucket) => `${bucket} ${rule.unit}|${rule.state}|${rules.epoch}`),
    `epoch ${rules.epoch}`,
    `digest ${rules.digest}`,
  ];
}

export const mapText = (rules: StampedRules): string => `${mapEntries(rules).join('\n')}\n`;

/** Commands above `tune.bufsize` (16 KiB by default) are dropped without an error: stay well below. */
const chunkBytes = 12_000;

export function chunksOf(entries: readonly string[]): readonly string[] {
  const chunks: string[] = [];
  let chunk = '';
  for (const entry of entries) {
    if (chunk.length + entry.length + 1 > chunkBytes) {
      chunks.push(chunk);
      chunk = '';
    }
    chunk += `${entry}\n`;
  }
  return chunk === '' ? chunks : [...chunks, chunk];
}

/** A table as a worker holds it. */
export interface HeldTable {
  readonly epoch: number;
  /** The digest written into the table by whoever made it. */
  readonly digest: string;
  readonly table: RoutingTable;
}

/** @param entries [key, value] as read back; undefined when it is not a whole table of one epoch. */
export function parseEntries(
  entries: readonly (readonly [string, string])[],
  buckets: number,
): HeldTable | undefined {
  const map = new Map(entries);
  if (map.size !== entries.length || map.size !== buckets + 2) return undefined;
  const epoch = map.get('epoch') ?? '';
  const table: BucketRule[] = [];
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const [unit = '', state, ruleEpoch] = (map.get(String(bucket)) ?? '').split('|');
    if (ruleEpoch !== epoch || (state !== 'open' && state !== 'fenced')) return undefined;
    table.push({ unit, state });
  }
  return { epoch: Number(epoch), digest: map.get('digest') ?? '', table };
}
