export type Buckets =
  | { readonly ok: true; readonly buckets: readonly number[] }
  | { readonly ok: false; readonly expected: string };

/** "0-9,20" -> 0..9 and 20, each once. @param total buckets of the routing; numbers run from 0 to total - 1 */
export function bucketsOf(ranges: string, total: number): Buckets {
  const buckets = new Set<number>();
  for (const range of ranges.split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    if (first === undefined || last === undefined || Number.isNaN(first) || Number.isNaN(last))
      return { ok: false, expected: `bucket numbers and ranges instead of "${range}"` };
    if (last < first) return { ok: false, expected: `a range that runs upwards instead of "${range}"` };
    if (last >= total) return { ok: false, expected: `buckets from 0 to ${total - 1}` };
    for (let bucket = first; bucket <= last; bucket += 1) {
      if (buckets.has(bucket)) return { ok: false, expected: `each bucket once; ${bucket} is there twice` };
      buckets.add(bucket);
    }
  }
  return { ok: true, buckets: [...buckets] };
}

/** 0,1,2,7 -> "0-2,7": how people read a set of buckets. */
export function rangesOf(buckets: readonly number[]): string {
  const sorted = [...new Set(buckets)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const bucket of sorted) {
    const open = ranges.at(-1);
    if (open !== undefined && open[1] === bucket - 1) open[1] = bucket;
    else ranges.push([bucket, bucket]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
