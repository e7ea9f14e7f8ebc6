/**
 * Who is switching, and under which epoch. It is stamped into every layer that a run touches, so that a
 * later reader (or a late retry, or a second orchestrator) can tell whose hand was there last.
 */
export interface Operation {
  /** The id of the workflow that people started. Never a run id: a reset must keep the claim. */
  readonly id: string;
  /** The failover domain: the scope of the epoch and of the lock `failover/<domain>`. */
  readonly domain: string;
  /** Epoch claimed by ballot; 0 while nothing is claimed (precheck). */
  readonly epoch: number;
  readonly reason: string;
  readonly by: string;
}

/** One claim covers two epochs: the fence is written under `epoch`, the opening under the next one. */
export const fenceEpoch = (operation: Operation): number => operation.epoch;
export const openEpoch = (operation: Operation): number => operation.epoch + 1;

/** What a target says about an epoch and operation that it has on record. */
export interface Stamp {
  readonly epoch: number;
  readonly operation: string;
}

export type StampVerdict =
  | { readonly kind: 'newer' } // ours is higher: go on
  | { readonly kind: 'ours' } // same epoch, same operation: we were here before
  | { readonly kind: 'stale'; readonly reason: string }; // the target has seen something higher, or a twin

/**
 * The rule of every target: a higher epoch wins, an equal one only for the operation that holds it.
 * @param epoch the epoch that the caller wants to write under
 */
export function judgeStamp(seen: Stamp | undefined, epoch: number, operation: string): StampVerdict {
  if (seen === undefined || seen.epoch < epoch) return { kind: 'newer' };
  if (seen.epoch === epoch && seen.operation === operation) return { kind: 'ours' };
  const who =
    seen.epoch === epoch
      ? `the same epoch of operation ${seen.operation}`
      : `epoch ${seen.epoch} of operation ${seen.operation}`;
  return {
    kind: 'stale',
    reason: `epoch ${epoch} of operation ${operation} refused: the target holds ${who}`,
  };
}
