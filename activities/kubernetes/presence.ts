import { itemKey, type BackupItem } from '../../domain/kubernetes/restore-plan.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, resourceName, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { forEachObject } from './list.ts';

export interface Presence<Item> {
  readonly missing: readonly Item[];
  /** Resources (`plural.group`) that the cluster does not serve at all. */
  readonly unknown: readonly string[];
}

/** A look at the content of what is there: kinds of which nobody asks for it are listed by name. */
export interface ContentLook<Item> {
  /** The version in which the content is wanted; undefined: that it is there is all that counts. */
  readonly versionOf: (item: Item) => string | undefined;
  readonly see: (item: Item, live: KubernetesObject) => void;
}

/** Which objects of a backup a cluster does not have. One list per kind, of names as a rule, whatever their number. */
export async function findMissing<Item extends BackupItem>(
  client: KubernetesClient,
  items: readonly Item[],
  signal?: AbortSignal,
  content?: ContentLook<Item>,
): Promise<Presence<Item>> {
  const kinds = Map.groupBy(items, ({ resource }) => resource);
  const served = await servedResources(client, [...kinds.keys()]);
  const present = new Set<string>();
  await inLanes(kinds, 4, async ([name, members]) => {
    const versions = served.get(name) ?? [];
    const asked = members.filter((item) => content?.versionOf(item) !== undefined);
    const version = asked[0] === undefined ? undefined : content?.versionOf(asked[0]);
    // Of another version the content could not be compared, only that it is there.
    const exact = versions.find(({ apiVersion }) => apiVersion === version);
    const resource = exact ?? versions[0];
    if (resource === undefined) return;
    const byKey = new Map(exact === undefined ? [] : asked.map((item) => [itemKey(item), item]));
    const options = { metadataOnly: byKey.size === 0, ...(signal === undefined ? {} : { signal }) };
    await forEachObject(client, resource, options, (live) => {
      const key = keyOfLive(name, live);
      present.add(key);
      const item = byKey.get(key);
      if (item !== undefined) content?.see(item, live);
    });
  });
  return {
    missing: items.filter((item) => !present.has(itemKey(item))),
    unknown: [...kinds.keys()].filter((name) => !served.has(name)).toSorted(),
  };
}

function keyOfLive(resource: string, { metadata: { name, namespace } }: KubernetesObject): string {
  return itemKey({ resource, name, ...(namespace === undefined ? {} : { namespace }) });
}

/** The resources of those names in all versions, the server's preferred one first. */
async function servedResources(
  client: KubernetesClient,
  wanted: readonly string[],
): Promise<ReadonlyMap<string, readonly Resource[]>> {
  const look = async () => Map.groupBy(await discoveryOf(client).all(), resourceName);
  const served = await look();
  if (wanted.every((name) => served.has(name))) return served;
  await discoveryOf(client).refresh(); // somebody may have installed the definition since
  return look();
}
