import type { Stamp } from '../operation.ts';
import { leavingReplicas, withoutReplicas } from './autoscaled.ts';
import { covers } from './covers.ts';
import { takenOver } from './managed-fields.ts';
import { compareVersions, marks, stampOf, versionOf, versionText, type StoredManifest } from './marks.ts';
import { nameOf, type KubernetesObject, type ManagedFieldsEntry } from './object.ts';

/** What has to be done for one manifest, seen against the live object. */
export type Comparison =
  | { readonly kind: 'create' }
  | { readonly kind: 'unchanged' }
  /** `sends`: instead of the manifest. `takeOver`: managed fields to write first, on this resourceVersion. */
  | {
      readonly kind: 'update';
      readonly sends?: KubernetesObject;
      readonly takeOver?: {
        readonly fields: readonly ManagedFieldsEntry[];
        readonly resourceVersion: string;
      };
    }
  | { readonly kind: 'refused'; readonly because: string };

/**
 * Comparing before writing is what makes a repeated apply cheap and a killed one resumable: the target itself knows
 * what is done.
 */
export function compare(
  live: KubernetesObject | undefined,
  wanted: StoredManifest,
  stamp: Stamp,
): Comparison {
  if (live === undefined) return { kind: 'create' };
  const refusal = refusalOf(live, wanted, stamp);
  if (refusal !== undefined) return { kind: 'refused', because: refusal };
  const { object, isAutoscaled } = wanted;
  const compared = isAutoscaled === true ? withoutReplicas(object) : object;
  const isSame = live.metadata.annotations?.[marks.digest] === wanted.digest && covers(live, compared);
  if (isSame) return { kind: 'unchanged' };
  const { resourceVersion, managedFields = [] } = live.metadata;
  const fields = resourceVersion === undefined ? undefined : takenOver(live);
  return {
    kind: 'update',
    ...(isAutoscaled === true ? { sends: leavingReplicas(object, live, fields ?? managedFields) } : {}),
    ...(fields === undefined || resourceVersion === undefined
      ? {}
      : { takeOver: { fields, resourceVersion } }),
  };
}

function refusalOf(live: KubernetesObject, wanted: StoredManifest, stamp: Stamp): string | undefined {
  const seen = stampOf(live);
  if (seen !== undefined && seen.epoch > stamp.epoch) {
    return `${nameOf(live)} was written under epoch ${seen.epoch} by ${seen.operation}, ours is ${stamp.epoch}`;
  }
  if (live.metadata.deletionTimestamp !== undefined) {
    return `${nameOf(live)} is being deleted since ${live.metadata.deletionTimestamp}: its finalizers must end first`;
  }
  const version = versionOf(live);
  const isOlder = version !== undefined && compareVersions(wanted.version, version) < 0;
  if (!isOlder || live.metadata.annotations?.[marks.digest] === wanted.digest) return undefined;
  return `${nameOf(live)} carries manifest version ${versionText(version)}, the store has only ${versionText(wanted.version)}`;
}
