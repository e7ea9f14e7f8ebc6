import { itemKey, type BackupItem } from '../../domain/kubernetes/restore-plan.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, resourceName, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { forEachObject } from './list.ts';

export interface Presence<Item> {
  readonly missing: readonly Item[];
  /** Resources (`plural.group`) that the cluster does not serve at all. */
  readonly unknown: readonly string[];
}

/** Which objects of a backup a cluster does not have. One list of names per kind, whatever their number. */
export async function findMissing<Item extends BackupItem>(
  client: KubernetesClient,
  items: readonly Item[],
  signal?: AbortSignal,
): Promise<Presence<Item>> {
  const wanted = new Set(items.map(({ resource }) => resource));
  let served = await servedResources(client);
  if ([...wanted].some((name) => !served.has(name))) {
    await discoveryOf(client).refresh(); // somebody may have installed the definition since
    served = await servedResources(client);
  }
  const present = new Set<string>();
  await inLanes(wanted, 4, async (name) => {
    const resource = served.get(name);
    if (resource === undefined) return;
    const options = { metadataOnly: true, ...(signal === undefined ? {} : { signal }) };
    await forEachObject(client, resource, options, ({ metadata }) => {
      const { namespace } = metadata;
      present.add(
        itemKey({ resource: name, name: metadata.name, ...(namespace === undefined ? {} : { namespace }) }),
      );
    });
  });
  return {
    missing: items.filter((item) => !present.has(itemKey(item))),
    unknown: [...wanted].filter((name) => !served.has(name)).toSorted(),
  };
}

async function servedResources(client: KubernetesClient): Promise<ReadonlyMap<string, Resource>> {
  const served = new Map<string, Resource>();
  for (const resource of await discoveryOf(client).all()) {
    const name = resourceName(resource);
    if (!served.has(name)) served.set(name, resource);
  }
  return served;
}
