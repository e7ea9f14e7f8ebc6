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
  readonly table: RoutingTable;
}

/** The text whose SHA-256 (hex) is the digest that gateways acknowledge. */
export const rulesDigestText = (rules: RoutingRules): string => canonicalJson(rules);

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
