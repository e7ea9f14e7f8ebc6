import { decideMesh, describe, isShifted, type MeshObserved } from '../domain/kubernetes/decide-mesh.ts';
import { stampOf } from '../domain/kubernetes/marks.ts';
import type { KubernetesObject } from '../domain/kubernetes/object.ts';
import type { ShiftMeshParameters } from '../domain/kubernetes/parameters.ts';
import { readinessOf } from '../domain/kubernetes/readiness/readiness.ts';
import { stripped } from '../domain/kubernetes/strip.ts';
import {
  servicesOfHost,
  virtualService,
  virtualServiceName,
  visibilityLabel,
} from '../domain/kubernetes/virtual-service.ts';
import type { Json } from '../domain/json.ts';
import type { StepInput } from '../domain/step.ts';
import type { Applied, StepKind, Verified } from './define-step.ts';
import { clientOf, type KubernetesClient } from './kubernetes/client.ts';
import {
  applyRoute,
  listVirtualServices,
  readKnativeService,
  removeRoute,
  replaceRoute,
  setVisibility,
} from './kubernetes/mesh.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<ShiftMeshParameters>;

/** What undo puts back: the route as it was (null: there was none) and the services' labels. */
interface MeshSnapshot {
  readonly route: KubernetesObject | null;
  readonly at: { readonly name: string; readonly namespace: string };
  readonly visibilities: Readonly<Record<string, string>>;
}

/** Sends a public host to Knative Services of this cluster, by one VirtualService that rewrites the authority. */
export const shiftMesh: StepKind<ShiftMeshParameters, MeshObserved> = {
  kind: 'shiftMesh',
  observe: refuseDenied(async (input, tools) => observedOf(input, await read(input, tools))),
  decide: (observed, input) => decideMesh(observed, input),
  apply,
  verify,
  undo,
};

interface MeshState {
  readonly client: KubernetesClient;
  readonly routes: readonly KubernetesObject[];
  readonly services: ReadonlyMap<string, KubernetesObject | undefined>;
}

async function read({ parameters }: Input, tools: StepTools): Promise<MeshState> {
  const { clusterName, cluster, mesh, canary } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const names = [...new Set([mesh.service, ...(canary === undefined ? [] : [canary.service])])];
  const found = await Promise.all(names.map((name) => readKnativeService(client, mesh.namespace, name)));
  return {
    client,
    routes: servicesOfHost(await listVirtualServices(client), parameters),
    services: new Map(names.map((name, index) => [name, found[index]])),
  };
}

function observedOf({ parameters }: Input, { routes, services }: MeshState): MeshObserved {
  const [route] = routes;
  return {
    host: parameters.host,
    found: routes.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    spec: (route?.['spec'] ?? null) as Json,
    stamp: (route && stampOf(route)) ?? null,
    services: [...services].map(([name, service]) => {
      const verdict = service && readinessOf(service, Date.now());
      return {
        name,
        isThere: service !== undefined,
        isReady: verdict?.state === 'ready',
        because: verdict?.because ?? 'is not there',
        visibility: visibilityOf(service),
      };
    }),
  };
}

const visibilityOf = (service: KubernetesObject | undefined): string =>
  service?.metadata.labels?.[visibilityLabel] ?? '';

async function apply(input: Input, _: MeshObserved, tools: StepTools): Promise<Applied> {
  const { operation, parameters } = input;
  const state = await read(input, tools);
  const { client, services } = state;
  const snapshot = snapshotOf(parameters, state);
  // The route first: a service that is taken off the public gateway before would be unreachable in between.
  await tools.reached('shiftMesh:route:before');
  const stamp = { epoch: operation.epoch, operation: operation.id };
  await applyRoute(client, virtualService(parameters, snapshot.at, stamp));
  await tools.reached('shiftMesh:route:after');
  for (const [name, service] of services) {
    if (visibilityOf(service) === 'cluster-local') continue;
    await setVisibility(client, { namespace: parameters.mesh.namespace, name });
  }
  return { snapshot: snapshot as unknown as Json };
}

function snapshotOf(parameters: ShiftMeshParameters, { routes, services }: MeshState): MeshSnapshot {
  const { host, mesh } = parameters;
  const [route] = routes;
  const { name = virtualServiceName(host), namespace = mesh.namespace } = route?.metadata ?? {};
  return {
    route: route === undefined ? null : stripped(route),
    at: { name, namespace },
    visibilities: Object.fromEntries(
      [...services].map(([service, object]) => [service, visibilityOf(object)]),
    ),
  };
}

async function verify(input: Input, tools: StepTools): Promise<Verified<MeshObserved>> {
  const observed = observedOf(input, await read(input, tools));
  const { parameters } = input;
  const ok = isShifted(observed, parameters);
  const summary = ok
    ? `${parameters.host}: ${describe(parameters)}, by ${observed.found[0]}`
    : `${parameters.host}: expected one VirtualService with ${describe(parameters)}, seen ${observed.found.join(', ') || 'none'}`;
  return { ok, observed, summary };
}

async function undo(input: Input, tools: StepTools): Promise<Applied & { readonly summary: string }> {
  const { clusterName, cluster, host, mesh } = input.parameters;
  const { route, at, visibilities } = input.snapshot as unknown as MeshSnapshot;
  const client = await clientOf(clusterName, cluster, tools);
  for (const [name, visibility] of Object.entries(visibilities)) {
    await setVisibility(client, { namespace: mesh.namespace, name }, visibility);
  }
  await (route === null ? removeRoute(client, at) : replaceRoute(client, route));
  return {
    summary: `${host}: ${route === null ? 'its route is removed' : 'its route is as it was'} (${at.namespace}/${at.name})`,
  };
}
