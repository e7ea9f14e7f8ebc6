import { judgeStamp } from '../operation.ts';
import type { Capture, StoreHead } from './store-records.ts';

/** Who has taken over what the store holds, and for which cluster. */
export type StoreClaim = {
  readonly epoch: number;
  readonly operation: string;
  readonly cluster: string;
};

export type ClaimVerdict =
  | { readonly kind: 'write'; readonly head: StoreHead }
  | { readonly kind: 'ours' }
  | { readonly kind: 'stale'; readonly because: string };

/** The head stays what it is, but for who may record next: what a takeover brings is what was recorded before it. */
export function judgeClaim(head: StoreHead, claim: StoreClaim): ClaimVerdict {
  if (head.epoch > claim.epoch) {
    const because = `epoch ${claim.epoch} of operation ${claim.operation} refused: the store holds epoch ${head.epoch} of ${head.cluster}`;
    return { kind: 'stale', because };
  }
  const verdict = judgeStamp(head.claim, claim.epoch, claim.operation);
  if (verdict.kind === 'stale') return { kind: 'stale', because: verdict.reason };
  const isOurs = verdict.kind === 'ours' && head.claim?.cluster === claim.cluster;
  return isOurs ? { kind: 'ours' } : { kind: 'write', head: { ...head, claim } };
}

/**
 * Why a claim keeps a capture out: it is of an earlier epoch (of a cluster that was lost and came back), or of another
 * cluster of the same one.
 */
export function claimRefusal(
  { claim }: StoreHead,
  { cluster, epoch, takesBack = false }: Capture,
): string | undefined {
  if (claim === undefined || takesBack || epoch > claim.epoch) return undefined;
  if (epoch === claim.epoch && cluster === claim.cluster) return undefined;
  return `capture of ${cluster} at epoch ${epoch} refused: operation ${claim.operation} took the store over for ${claim.cluster} at epoch ${claim.epoch}; if that was given up and ${cluster} serves, accept takeStoreBack`;
}

/** A claim is over when a capture of a later epoch counts, or when a person has taken the store back. */
export const claimAfter = (
  claim: StoreClaim | undefined,
  { epoch }: Capture,
): { readonly claim?: StoreClaim } => (claim === undefined || claim.epoch !== epoch ? {} : { claim });
