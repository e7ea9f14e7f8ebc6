import type { ApiClient } from '../kubernetes/api-client.ts';
import type { KubernetesObject } from '../kubernetes/kubernetes-object.ts';
import { serviceObjects } from '../kubernetes/service-objects.ts';

/** Manifests of services in namespaces of their own, so that contenders do not meet each other's objects. */
export interface ServiceSet {
  readonly prefix: string;
  readonly namespaces: readonly string[];
  readonly objects: readonly KubernetesObject[];
}

/** No Deployments: without nodes they would only keep the controller manager busy beside the measurement. */
export function serviceSet(prefix: string, count: number): ServiceSet {
  const knativeServices = Math.round(count * 0.5);
  const configMaps = Math.round(count * 0.35);
  const counts = {
    knativeServices,
    configMaps,
    deployments: 0,
    virtualServices: count - knativeServices - configMaps,
  };
  const rename = (namespace: string | undefined) => `${prefix}-${namespace ?? 'default'}`;
  const objects = serviceObjects(counts).map((object) => ({
    ...object,
    metadata: { ...object.metadata, namespace: rename(object.metadata.namespace) },
  }));
  return { prefix, objects, namespaces: [...new Set(objects.map(({ metadata }) => metadata.namespace))] };
}

const collections = [
  '/apis/serving.knative.dev/v1/namespaces/{}/services',
  '/apis/networking.istio.io/v1/namespaces/{}/virtualservices',
  '/api/v1/namespaces/{}/configmaps',
];

/** Removes the objects and leaves the namespaces, which would take half a minute to go. */
export async function emptySet(api: ApiClient, { namespaces }: ServiceSet): Promise<void> {
  for (const namespace of namespaces) {
    for (const path of collections) await api.call('DELETE', path.replace('{}', namespace));
  }
}

export async function makeNamespaces(api: ApiClient, { namespaces }: ServiceSet): Promise<void> {
  for (const name of namespaces) {
    await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
}
