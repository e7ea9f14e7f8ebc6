import { canonicalJson } from '../json.ts';
import type { Replicas } from './autoscaled.ts';
import { countKinds, type KindCounts } from './capture-losses.ts';
import { sha256, type ManifestVersion } from './marks.ts';
import { keyOf, type KubernetesObject } from './object.ts';
import { claimAfter, claimRefusal, type StoreClaim } from './store-claim.ts';

/** `<namespace>/<service>`: what is stored, versioned and compared as one. Cluster-wide objects: `-/<service>`. */
export type ServiceName = string;

/** One service in the head: which version of it counts. */
export interface HeadEntry {
  /** SHA-256 (hex) of the bundle's text; also the name of its file. */
  readonly bundle: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly objects: number;
}

/**
 * The one mutable record of a store, replaced under compare-and-set. Whoever holds the head holds a consistent set:
 * everything it names is immutable.
 */
export interface StoreHead {
  readonly format: 1;
  /** Number of the newest capture that changed something, under which epoch and from which cluster it was made. */
  readonly sequence: number;
  readonly epoch: number;
  readonly cluster: string;
  /** When the cluster was last looked at, ms since 1970; also by a capture that found nothing changed. */
  readonly capturedAt: number;
  /** What autoscaled objects ran then; no part of any version. Absent in heads from before there was this member. */
  readonly replicas?: Replicas;
  /** Absent until somebody takes over, and in heads from before there was this member. */
  readonly claim?: StoreClaim;
  readonly services: { readonly [service: ServiceName]: HeadEntry };
  /** Objects of all services together, by kind. Absent in heads from before there was this member. */
  readonly kinds?: KindCounts;
  /**
   * The last version of services that captures no longer find: their history goes on from it, and nothing of it is
   * applied. Absent in heads from before there was this member.
   */
  readonly removed?: { readonly [service: ServiceName]: HeadEntry };
}

/** The newest version of a service, whether it still counts or was removed. */
export const newestOf = ({ services, removed }: StoreHead, service: ServiceName): HeadEntry | undefined =>
  services[service] ?? removed?.[service];

export const emptyHead: StoreHead = {
  format: 1,
  sequence: 0,
  epoch: 0,
  cluster: '',
  capturedAt: 0,
  services: {},
};

/** A link in the history of a service; `previous` leads back to the version before. */
export interface VersionRecord extends HeadEntry {
  readonly service: ServiceName;
  readonly cluster: string;
  readonly capturedAt: number;
  readonly previous?: ManifestVersion & { readonly bundle: string };
}

/** All objects of a service, sorted: equal content has one text and one name. */
export function bundleText(objects: readonly KubernetesObject[]): string {
  const sorted = objects.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return canonicalJson({ objects: sorted });
}

export const paths = {
  head: 'head.json',
  bundle: (digest: string): string => `bundles/${digest}.json`,
  version: (service: ServiceName, { epoch, sequence }: ManifestVersion): string =>
    `versions/${service}/${epoch}-${sequence}.json`,
} as const;

/** What a capture saw on a cluster. */
export interface Capture {
  readonly cluster: string;
  readonly epoch: number;
  readonly capturedAt: number;
  readonly services: ReadonlyMap<ServiceName, readonly KubernetesObject[]>;
  readonly replicas: Replicas;
  /** A person has said that this cluster serves, whoever took the store over. */
  readonly takesBack?: boolean;
}

export type HeadVerdict =
  | {
      readonly kind: 'write';
      readonly changed: readonly ServiceName[];
      readonly gone: readonly ServiceName[];
    }
  | { readonly kind: 'same' }
  | { readonly kind: 'stale'; readonly because: string };

/**
 * Newer is never overwritten by older: neither by a lower epoch, nor by another cluster of the same epoch, whether that
 * epoch has recorded already or only taken over.
 */
export function judgeCapture(head: StoreHead, capture: Capture): HeadVerdict {
  const from = `${capture.cluster} at epoch ${capture.epoch}`;
  const claimed = claimRefusal(head, capture);
  if (claimed !== undefined) return { kind: 'stale', because: claimed };
  if (capture.epoch < head.epoch) {
    const because = `capture of ${from} refused: the store holds epoch ${head.epoch} of ${head.cluster}`;
    return { kind: 'stale', because };
  }
  if (capture.epoch === head.epoch && head.sequence > 0) {
    if (capture.cluster !== head.cluster) {
      return {
        kind: 'stale',
        because: `capture of ${from} refused: at this epoch the store follows ${head.cluster}`,
      };
    }
    if (capture.capturedAt < head.capturedAt) {
      const newer = new Date(head.capturedAt).toISOString();
      return {
        kind: 'stale',
        because: `capture of ${from} refused: the store holds a newer one of ${newer}`,
      };
    }
  }
  const changed = [...capture.services]
    .filter(([service, objects]) => head.services[service]?.bundle !== sha256(bundleText(objects)))
    .map(([service]) => service);
  const gone = Object.keys(head.services).filter((service) => !capture.services.has(service));
  const isSame =
    changed.length === 0 && gone.length === 0 && capture.epoch === head.epoch && head.sequence > 0;
  return isSame ? { kind: 'same' } : { kind: 'write', changed, gone };
}

/** The head after a capture. Unchanged services keep their version. */
export function nextHead(head: StoreHead, capture: Capture, changed: readonly ServiceName[]): StoreHead {
  const sequence = head.sequence + 1;
  const renewed = new Set(changed);
  const services = [...capture.services].map(([service, objects]): [string, HeadEntry] => {
    const kept = head.services[service];
    if (kept !== undefined && !renewed.has(service)) return [service, kept];
    const bundle = sha256(bundleText(objects));
    return [service, { bundle, epoch: capture.epoch, sequence, objects: objects.length }];
  });
  const removed = Object.entries({ ...head.removed, ...head.services }).filter(
    ([service]) => !capture.services.has(service),
  );
  return {
    format: 1,
    sequence,
    epoch: capture.epoch,
    cluster: capture.cluster,
    capturedAt: capture.capturedAt,
    replicas: capture.replicas,
    ...claimAfter(head.claim, capture),
    services: Object.fromEntries(services),
    kinds: countKinds(capture.services),
    ...(removed.length === 0 ? {} : { removed: Object.fromEntries(removed) }),
  };
}

/** The head after a capture that found every service as it is stored: it was looked at, and scaled perhaps. */
export function sameHead({ claim, ...head }: StoreHead, capture: Capture): StoreHead {
  const { capturedAt, replicas, services } = capture;
  return { ...head, capturedAt, replicas, kinds: countKinds(services), ...claimAfter(claim, capture) };
}

/** Digest over what the head makes count, whenever it was looked at last: what a report names as "the manifests". */
export const headDigest = ({ sequence, epoch, cluster, services }: StoreHead): string =>
  sha256(canonicalJson({ sequence, epoch, cluster, services }));
