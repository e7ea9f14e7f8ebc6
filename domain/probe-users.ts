import { bucketOf } from './routing.ts';
import type { VerifyEndpointParameters } from './step-parameters.ts';

export type ProbeAnswer =
  | {
      readonly status: number;
      readonly unit: string;
      readonly epoch: number;
      /** Why the gateway itself refused; empty when it passed the request on. */
      readonly refused: string;
    }
  | { readonly failed: string };

/** User ids whose buckets are among these, spread over them; the same ones each time. */
export function probeUsers(buckets: readonly number[], count: number, total: number): readonly string[] {
  const wanted = new Set(spread(buckets, count));
  const users: string[] = [];
  // Each try hits a wanted bucket with probability 1/total or better; the bound only guards against a wrong total.
  for (let number = 0; wanted.size > 0 && number < total * 1_000; number += 1) {
    const user = `siteshift-probe-${number}`;
    if (wanted.delete(bucketOf(user, total))) users.push(user);
  }
  return users;
}

/** At most `count` of them, at even distances: the first and the last bucket of a range are where mistakes are made. */
function spread(buckets: readonly number[], count: number): readonly number[] {
  if (buckets.length <= count) return buckets;
  if (count <= 1) return buckets.slice(0, count);
  return Array.from(
    { length: count },
    (_, index) => buckets[Math.round((index * (buckets.length - 1)) / (count - 1))] ?? 0,
  );
}

export const expectationOf = (
  { expectStatus, expectUnit }: VerifyEndpointParameters,
  leastEpoch: number,
): string =>
  `HTTP ${expectStatus} from ${expectUnit}${leastEpoch === 0 ? '' : ` at epoch ${leastEpoch} or higher`}`;
