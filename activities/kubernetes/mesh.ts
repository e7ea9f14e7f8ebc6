import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { clusterLocal, meshManager, visibilityLabel } from '../../domain/kubernetes/virtual-service.ts';
import type { KubernetesClient } from './client.ts';
import { objectPath, type Resource } from './discovery.ts';
import { listObjects } from './list.ts';
import { readObject } from './read-object.ts';

export const virtualServices: Resource = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  plural: 'virtualservices',
  namespaced: true,
};
const knativeServices: Resource = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  plural: 'services',
  namespaced: true,
};

export const listVirtualServices = (client: KubernetesClient): Promise<readonly KubernetesObject[]> =>
  listObjects(client, virtualServices);

export const readKnativeService = (
  client: KubernetesClient,
  namespace: string,
  name: string,
): Promise<KubernetesObject | undefined> =>
  readObject(client, objectPath(knativeServices, { metadata: { namespace, name } }));

/** Takes a Knative Service off the public gateway (or puts its label back as it was: empty = none). */
export async function setVisibility(
  client: KubernetesClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  visibility: string = clusterLocal,
): Promise<void> {
  const labels = { [visibilityLabel]: visibility === '' ? null : visibility };
  await client.call({
    method: 'PATCH',
    path: `${objectPath(knativeServices, { metadata: { namespace, name } })}?fieldManager=${meshManager}`,
    body: JSON.stringify({ metadata: { labels } }),
    contentType: 'application/merge-patch+json',
  });
}

/** Applies a VirtualService under the mesh's own manager; the route of a host is ours, whoever wrote it before. */
export async function applyRoute(client: KubernetesClient, object: KubernetesObject): Promise<void> {
  await client.call({
    method: 'PATCH',
    path: `${objectPath(virtualServices, object)}?fieldManager=${meshManager}&force=true`,
    body: JSON.stringify(object),
    contentType: 'application/apply-patch+yaml',
  });
}
