import { compareWithSnapshot, type Comparison, type Snapshot } from './compare-clusters.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { SiteClusters } from './site-clusters.ts';

/** Compares the west with what the lost east held; each public host must have exactly one VirtualService there. */
export async function compareSurvivor(
  { lab: { west }, hosts }: SiteClusters,
  expected: Snapshot,
): Promise<Comparison> {
  const comparison = await compareWithSnapshot(west.api, behindTheMesh(expected, hosts));
  const routes = await west.api.list('/apis/networking.istio.io/v1/virtualservices');
  const wrong = Object.keys(hosts).flatMap((host) => {
    const answering = routes.filter(({ spec }) => (spec as { hosts: string[] }).hosts.includes(host)).length;
    return answering === 1 ? [] : [`host ${host}: expected one VirtualService, seen ${answering}`];
  });
  return { ...comparison, differences: [...comparison.differences, ...wrong] };
}

/** The one thing that the failover changes on purpose: services behind the mesh become cluster-local. */
function behindTheMesh(expected: Snapshot, hosts: SiteClusters['hosts']): Snapshot {
  const meant = new Set(Object.values(hosts).map(({ namespace, service }) => `${namespace}/${service}`));
  return new Map(
    [...expected].map(([key, object]): [string, KubernetesObject] => {
      const { metadata } = object;
      const isMeant = meant.has(`${metadata.namespace}/${metadata.name}`);
      if (!isMeant || !object.apiVersion.startsWith('serving.knative.dev/')) return [key, object];
      const labels = { ...metadata.labels, 'networking.knative.dev/visibility': 'cluster-local' };
      return [key, { ...object, metadata: { ...metadata, labels } }];
    }),
  );
}
