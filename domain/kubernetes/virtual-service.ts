import { canonicalJson } from '../json.ts';
import type { MeshHost } from '../schema/kubernetes.ts';
import type { Stamp } from '../operation.ts';
import { marks } from './marks.ts';
import { list, mapping, textOf, type KubernetesObject } from './object.ts';
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

/** What is applied: onto the object that has the host already, or as a new one. */
export function virtualService(
  parameters: Pick<ShiftMeshParameters, 'host' | 'mesh' | 'canary'>,
  route: KubernetesObject | undefined,
  stamp: Stamp,
): KubernetesObject {
  const { host, mesh, canary } = parameters;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: {
      ...placeOf(parameters, route),
      annotations: { [marks.epoch]: String(stamp.epoch), [marks.operation]: stamp.operation },
    },
    spec: { hosts: [host], gateways: gatewaysWith(route, mesh), http: httpRoutes(mesh, canary) },
  };
}

/** Name and namespace of the object that has the host already, or of a new one. */
export function placeOf(
  { host, mesh }: Pick<ShiftMeshParameters, 'host' | 'mesh'>,
  route: KubernetesObject | undefined,
): { readonly name: string; readonly namespace: string } {
  const { name = virtualServiceName(host), namespace = mesh.namespace } = route?.metadata ?? {};
  return { name, namespace };
}

/** Our gateways, and those that the host is bound to already: taken off one, it would be gone for whoever comes there. */
function gatewaysWith(route: KubernetesObject | undefined, mesh: MeshHost): readonly string[] {
  if (route === undefined) return mesh.gateways;
  const present = gatewaysOf(route);
  const known = new Set(present.map((gateway) => qualified(gateway, route.metadata.namespace ?? '')));
  return [...present, ...mesh.gateways.filter((gateway) => !known.has(gateway))];
}

/** A VirtualService that names no gateway is bound to all sidecars. */
const gatewaysOf = (route: KubernetesObject): readonly string[] => {
  const { gateways } = mapping(route['spec']);
  return gateways === undefined ? ['mesh'] : list(gateways).map((gateway) => textOf(gateway));
};

/** Whether a route serves this host, and no other, at all of the gateways, as wanted. */
export function isRouted(
  route: KubernetesObject,
  { mesh, canary, host }: Pick<ShiftMeshParameters, 'host' | 'mesh' | 'canary'>,
): boolean {
  const { hosts, http } = mapping(route['spec']);
  return (
    canonicalJson([hosts, http]) === canonicalJson([[host], httpRoutes(mesh, canary)]) &&
    gatewaysWith(route, mesh).length === gatewaysOf(route).length
  );
}

/** Why a VirtualService must not be changed for one host: others would lose theirs, or a controller would undo it. */
export function objections(route: KubernetesObject, host: string): readonly string[] {
  const { metadata } = route;
  const name = `VirtualService ${metadata.namespace}/${metadata.name}`;
  const others = list(mapping(route['spec'])['hosts']).filter((one) => one !== host);
  const owners = (metadata.ownerReferences ?? []).map((owner) => `${owner.kind} ${owner.name}`);
  return [
    ...(others.length > 0
      ? [
          `${host}: ${name} is of ${others.map((other) => textOf(other)).join(', ')}, too, which would lose its routes; give the host a VirtualService of its own`,
        ]
      : []),
    ...(owners.length > 0
      ? [
          `${host}: ${name} belongs to ${owners.join(', ')}, whose controller would put it back; have that one give the host up first`,
        ]
      : []),
  ];
}

/**
 * VirtualServices that answer for a host at any of the gateways; Istio merges several of them in no defined order. The
 * one with our name is of the host wherever it is bound: what we apply would be applied onto it.
 */
export function servicesOfHost(
  all: readonly KubernetesObject[],
  { host, mesh }: Pick<ShiftMeshParameters, 'host' | 'mesh'>,
): readonly KubernetesObject[] {
  const gateways = new Set(mesh.gateways);
  const ours = placeOf({ host, mesh }, undefined);
  return all.filter((one) => {
    const { name, namespace = '' } = one.metadata;
    if (name === ours.name && namespace === ours.namespace) return true;
    return (
      list(mapping(one['spec'])['hosts']).includes(host) &&
      gatewaysOf(one).some((gateway) => gateways.has(qualified(gateway, namespace)))
    );
  });
}

/**
 * Whether a route is as a shift left it. Nothing may carry it to another cluster: there the shift would find its own
 * work, ahead of the backends and without what was there before.
 */
export const isShiftedRoute = ({ kind, metadata }: KubernetesObject): boolean =>
  kind === 'VirtualService' &&
  (metadata.managedFields ?? []).some(
    ({ manager, subresource = '' }) => manager === meshManager && subresource === '',
  );

/**
 * Whether shiftMesh made the route, and not only changed somebody's: those are recorded as ever, or the store would lose
 * what is a team's.
 */
export const isRouteOfOurs = (route: KubernetesObject): boolean =>
  hasNameOfOurs(route) && isShiftedRoute(route);

export const hasNameOfOurs = ({ metadata }: Pick<KubernetesObject, 'metadata'>): boolean =>
  metadata.name.startsWith(virtualServiceName(''));

const qualified = (gateway: string, namespace: string): string =>
  gateway.includes('/') || gateway === 'mesh' ? gateway : `${namespace}/${gateway}`;
