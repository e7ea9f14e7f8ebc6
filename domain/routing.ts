import { rangesOf } from './bucket-ranges.ts';
import { canonicalJson } from './json.ts';

/** open: serves reads and writes. fenced: reads pass, writes get 503 with Retry-After. */
export type BucketState = 'open' | 'fenced';

export interface BucketRule {
  readonly unit: string;
  readonly state: BucketState;
}

/** One rule per bucket, index = bucket number. Always complete: a table never leaves a bucket out. */
export type RoutingTable = readonly BucketRule[];

/** Everything a gateway enforces, in one versioned value: mapping and fence can never cross. */
export interface RoutingRules {
  readonly domain: string;
  readonly epoch: number;
  readonly operation: string;
  /**
   * Gateways of the domain, sorted: a majority of them must be heard before a lease is renewed. A subset of the
   * configured ones only after an operator has declared the others out of traffic.
   */
  readonly members: readonly string[];
  readonly table: RoutingTable;
}

export interface StampedRules extends RoutingRules {
  /** SHA-256 (hex) of `rulesDigestText`. */
  readonly digest: string;
}

/** The text whose SHA-256 (hex) is the digest that gateways acknowledge. */
export const rulesDigestText = ({ domain, epoch, operation, members, table }: RoutingRules): string =>
  canonicalJson({ domain, epoch, operation, members, table });

/** Stands for "no unit": what a gateway enforces before its first rules. */
export const noUnit = 'none';

export const closedTable = (buckets: number): RoutingTable =>
  Array.from({ length: buckets }, () => ({ unit: noUnit, state: 'fenced' }));

export const sameTable = (a: RoutingTable, b: RoutingTable): boolean =>
  a.length === b.length &&
  a.every((rule, bucket) => rule.unit === b[bucket]?.unit && rule.state === b[bucket].state);

/** Buckets whose rule differs between the two tables. */
export const changedBuckets = (current: RoutingTable, wanted: RoutingTable): readonly number[] =>
  current.flatMap((rule, bucket) =>
    rule.unit === wanted[bucket]?.unit && rule.state === wanted[bucket].state ? [] : [bucket],
  );

/** The table of the fence: what will change keeps its unit and refuses writes. */
export function fencedTable(current: RoutingTable, wanted: RoutingTable): RoutingTable {
  const changed = new Set(changedBuckets(current, wanted));
  return current.map((rule, bucket) => (changed.has(bucket) ? { unit: rule.unit, state: 'fenced' } : rule));
}

/** "east open" -> "0-59": a table as people read it and as outcomes keep it. */
export function describeTable(table: RoutingTable): { readonly [rule: string]: string } {
  const groups = new Map<string, number[]>();
  for (const [bucket, rule] of table.entries()) {
    const name = `${rule.unit} ${rule.state}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [bucket]);
    else group.push(bucket);
  }
  return Object.fromEntries(
    [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, buckets]) => [name, rangesOf(buckets)]),
  );
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** CRC-32 as zlib and HAProxy's `crc32` converter compute it, over the UTF-8 bytes of `text`. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The bucket of a user id. Hashing, not `id mod n`: a raw modulus puts every non-numeric id into bucket 0. */
export const bucketOf = (userId: string, buckets: number): number => crc32(userId) % buckets;
