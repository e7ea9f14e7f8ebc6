import { keyOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { KubernetesClient } from './client.ts';
import { objectPath, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { forEachObject } from './list.ts';
import { readObject } from './read-object.ts';

/** Up to this many objects of a kind are read one by one; more are listed. */
const FEW = 3;
/** Up to this many namespaces are listed one by one: whatever else the cluster holds is then not read at all. */
const FEW_NAMESPACES = 200;
const LISTS_AT_ONCE = 6;

/** Hands over the live state of each object of one kind that is there; what is not there is not handed over. */
export async function readLive(
  client: KubernetesClient,
  resource: Resource,
  objects: readonly KubernetesObject[],
  options: { readonly signal?: AbortSignal },
  visit: (live: KubernetesObject) => void,
): Promise<void> {
  if (objects.length <= FEW) {
    await inLanes(objects, FEW, async (object) => {
      const live = await readObject(client, objectPath(resource, object), options.signal);
      if (live !== undefined) visit(live);
    });
    return;
  }
  const wanted = new Set(objects.map(keyOf));
  const namespaces = new Set(objects.map(({ metadata }) => metadata.namespace));
  const isFew = resource.namespaced && namespaces.size <= FEW_NAMESPACES;
  await inLanes(isFew ? namespaces : [undefined], LISTS_AT_ONCE, (namespace) =>
    forEachObject(client, resource, namespace === undefined ? options : { ...options, namespace }, (live) => {
      if (wanted.has(keyOf(live))) visit(live);
    }),
  );
}
