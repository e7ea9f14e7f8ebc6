import { scaledBy } from '../../domain/kubernetes/autoscaled.ts';
import { isCompared, isDifferent } from '../../domain/kubernetes/existing-objects.ts';
import { keyOf } from '../../domain/kubernetes/object.ts';
import { itemKey } from '../../domain/kubernetes/restore-plan.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { findMissing, type Presence } from './presence.ts';

export interface ComparedWithBackup extends Presence<BackupObject> {
  /** Objects that are there, and are not as the backup has them. */
  readonly differing: readonly BackupObject[];
  /** How many that are there were compared by content. */
  readonly compared: number;
}

/** Compares what a cluster has with the objects of a backup, by content where that counts: one list per kind. */
export async function compareExisting(
  client: KubernetesClient,
  items: readonly BackupObject[],
  { backup, cluster, signal }: ExistingLook,
): Promise<ComparedWithBackup> {
  const scaled = scaledBy((backup?.objects ?? []).map(({ object }) => object));
  const isPool = poolsOf(cluster);
  const counts = (item: BackupObject) => isCompared(item, item.object) && !isPool(item);
  const differing = new Map<string, BackupObject>();
  const seen = new Set<string>();
  const presence = await findMissing(client, items, signal, {
    versionOf: (item) => (counts(item) ? item.object.apiVersion : undefined),
    see: (item, live) => {
      if (!isCompared(item, live)) return;
      seen.add(itemKey(item)); // a list that begins anew hands objects over twice: the later look counts
      if (isDifferent(live, item.object, scaled)) differing.set(itemKey(item), item);
      else differing.delete(itemKey(item));
    },
  });
  return { ...presence, differing: [...differing.values()], compared: seen.size };
}

export interface ExistingLook {
  /** The whole of it: its autoscalers say whose replicas are the load's. */
  readonly backup: { readonly objects: readonly BackupObject[] } | undefined;
  readonly cluster: KubernetesCluster;
  readonly signal: AbortSignal;
}

/** How many nodes a cluster has is its own matter, and scaleOutNodes'. */
function poolsOf({ nodePools }: KubernetesCluster): (item: BackupObject) => boolean {
  const pools = new Set(
    Object.values(nodePools).flatMap(({ resource }) => {
      if (resource === undefined) return [];
      const { apiVersion, kind, ...metadata } = resource;
      return [keyOf({ apiVersion, kind, metadata })];
    }),
  );
  return ({ object }) => pools.has(keyOf(object));
}
