import type { MeshHost } from '../schema/kubernetes.ts';
import type { Stamp } from '../operation.ts';
import { marks } from './marks.ts';
import { list, mapping, type KubernetesObject } from './object.ts';
import type { ShiftMeshParameters } from './parameters.ts';

export const visibilityLabel = 'networking.knative.dev/visibility';
export const clusterLocal = 'cluster-local';
/** Not the manager of applyManifests: an apply of stored manifests must not take the route away. */
export const meshManager = 'siteshift-mesh';

/** The name under which a Knative Service is known inside the mesh: what its gateway routes by. */
export const authorityOf = (service: string, namespace: string): string =>
  `${service}.${namespace}.svc.cluster.local`;

/** One public host has one VirtualService; its name says which. */
export const virtualServiceName = (host: string): string =>
  `siteshift-${host.replaceAll('*', 'any')}`.slice(0, 253);

/**
 * Routes of a host: the mesh's local gateway for everybody, with the authority rewritten to the Knative Service, so
 * that no per-service object of Knative's own is involved. A canary goes by header, or by percent; then the authority
 * is set per destination, because a rewrite counts for a whole route.
 */
export function httpRoutes(
  host: MeshHost,
  canary: ShiftMeshParameters['canary'],
): readonly Readonly<Record<string, unknown>>[] {
  const destination = { host: host.localGateway, port: { number: 80 } };
  const toService = (service: string) => ({
    rewrite: { authority: authorityOf(service, host.namespace) },
    route: [{ destination, weight: 100 }],
  });
  const all = { name: 'all', ...toService(host.service) };
  if (canary === undefined) return [all];
  if (canary.header !== undefined) {
    const { name, value } = canary.header;
    const match = [{ headers: { [name.toLowerCase()]: { exact: value } } }];
    return [{ name: 'canary', match, ...toService(canary.service) }, all];
  }
  const percent = canary.percent ?? 0;
  const weighted = (service: string, weight: number) => ({
    destination,
    weight,
    headers: { request: { set: { Host: authorityOf(service, host.namespace) } } },
  });
  return [{ name: 'all', route: [weighted(host.service, 100 - percent), weighted(canary.service, percent)] }];
}

/** What is applied: name and namespace of the object that has the host already, or of a new one. */
export function virtualService(
  parameters: Pick<ShiftMeshParameters, 'host' | 'mesh' | 'canary'>,
  at: { readonly name: string; readonly namespace: string },
  stamp: Stamp,
): KubernetesObject {
  const { host, mesh, canary } = parameters;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: {
      ...at,
      annotations: { [marks.epoch]: String(stamp.epoch), [marks.operation]: stamp.operation },
    },
    spec: { hosts: [host], gateways: [...mesh.gateways], http: httpRoutes(mesh, canary) },
  };
}

/** VirtualServices that answer for a host at any of the gateways; Istio merges several of them in no defined order. */
export function servicesOfHost(
  all: readonly KubernetesObject[],
  { host, mesh }: Pick<ShiftMeshParameters, 'host' | 'mesh'>,
): readonly KubernetesObject[] {
  const gateways = new Set(mesh.gateways);
  return all.filter((one) => {
    const spec = mapping(one['spec']);
    const bound = list(spec['gateways']).map((gateway) =>
      qualified(String(gateway), one.metadata.namespace ?? ''),
    );
    return list(spec['hosts']).includes(host) && bound.some((gateway) => gateways.has(gateway));
  });
}

const qualified = (gateway: string, namespace: string): string =>
  gateway.includes('/') || gateway === 'mesh' ? gateway : `${namespace}/${gateway}`;
