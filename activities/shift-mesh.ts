import { decideMesh, describe, isShifted, type MeshObserved } from '../domain/kubernetes/decide-mesh.ts';
import { keptRoute } from '../domain/kubernetes/former-route.ts';
import { stampOf } from '../domain/kubernetes/marks.ts';
import type { KubernetesObject } from '../domain/kubernetes/object.ts';
import type { ShiftMeshParameters } from '../domain/kubernetes/parameters.ts';
import { readinessOf } from '../domain/kubernetes/readiness/readiness.ts';
import {
  isRouted,
  objections,
  placeOf,
  servicesOfHost,
  virtualService,
  visibilityLabel,
} from '../domain/kubernetes/virtual-service.ts';
import type { Json } from '../domain/json.ts';
import type { Stamp } from '../domain/operation.ts';
import type { StepInput } from '../domain/step.ts';
import type { Applied, StepKind, Verified } from './define-step.ts';
import { hasCode } from './kubernetes/api-error.ts';
import { clientOf, type KubernetesClient } from './kubernetes/client.ts';
import { assertStampIsOurs, claimStamp, readStamp } from './kubernetes/epoch-stamp.ts';
import { keepFormer, readFormer } from './kubernetes/former-state.ts';
import { applyRoute, listVirtualServices, readKnativeService, setVisibility } from './kubernetes/mesh.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import { undoRoute, type FormerRoute } from './kubernetes/undo-route.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<ShiftMeshParameters>;

/** What undo puts back: the route, and the services' labels. */
type MeshSnapshot = FormerRoute & { readonly visibilities: Readonly<Record<string, string>> };

/** Sends a public host to Knative Services of this cluster, by one VirtualService that rewrites the authority. */
export const shiftMesh: StepKind<ShiftMeshParameters, MeshObserved> = {
  kind: 'shiftMesh',
  observe: refuseDenied(observe),
  decide: (observed, input) => decideMesh(observed, input),
  apply,
  verify,
  undo,
};

interface MeshState {
  readonly client: KubernetesClient;
  readonly clusterStamp: Stamp | undefined;
  readonly routes: readonly KubernetesObject[];
  readonly services: ReadonlyMap<string, KubernetesObject | undefined>;
}

async function observe(input: Input, tools: StepTools): Promise<MeshObserved> {
  const state = await read(input, tools);
  const observed = observedOf(input, state);
  if (!isShifted(observed)) return observed;
  return { ...observed, former: (await readFormer(state.client, ownerOf(input))) ?? null };
}

const ownerOf = (input: Input) => ({ ...input, what: `shiftMesh ${input.parameters.host}` });

async function read({ operation, parameters }: Input, tools: StepTools): Promise<MeshState> {
  const { clusterName, cluster, mesh, canary } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const names = [...new Set([mesh.service, ...(canary === undefined ? [] : [canary.service])])];
  const [clusterStamp, all, ...found] = await Promise.all([
    readStamp(client, operation.domain),
    listVirtualServices(client),
    ...names.map((name) => readKnativeService(client, mesh.namespace, name)),
  ]);
  return {
    client,
    clusterStamp,
    routes: servicesOfHost(all, parameters),
    services: new Map(names.map((name, index) => [name, found[index]])),
  };
}

function observedOf({ parameters }: Input, state: MeshState): MeshObserved {
  const { routes, services, clusterStamp } = state;
  const [route] = routes;
  return {
    host: parameters.host,
    found: routes.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    spec: (route?.['spec'] ?? null) as Json,
    isRouted: route !== undefined && isRouted(route, parameters),
    objections: route === undefined ? [] : objections(route, parameters.host),
    stamp: (route && stampOf(route)) ?? null,
    clusterStamp: clusterStamp ?? null,
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
    former: null,
  };
}

const visibilityOf = (service: KubernetesObject | undefined): string =>
  service?.metadata.labels?.[visibilityLabel] ?? '';

async function apply(input: Input, _: MeshObserved, tools: StepTools): Promise<Applied> {
  const { operation, parameters } = input;
  const state = await read(input, tools);
  const { client, services } = state;
  await claimStamp(client, operation);
  const snapshot = await keepFormer(client, ownerOf(input), snapshotOf(parameters, state) as unknown as Json);
  // The route first: a service that is taken off the public gateway before would be unreachable in between.
  await tools.reached('shiftMesh:route:before');
  const stamp = { epoch: operation.epoch, operation: operation.id };
  await applyRoute(client, virtualService(parameters, state.routes[0], stamp));
  await tools.reached('shiftMesh:route:after');
  for (const [name, service] of services) {
    if (visibilityOf(service) === 'cluster-local') continue;
    await setVisibility(client, { namespace: parameters.mesh.namespace, name });
  }
  return { snapshot };
}

function snapshotOf(parameters: ShiftMeshParameters, state: MeshState): MeshSnapshot {
  const { routes, services } = state;
  const [route] = routes;
  return {
    route: route === undefined ? null : keptRoute(route),
    at: placeOf(parameters, route),
    visibilities: Object.fromEntries(
      [...services].map(([service, object]) => [service, visibilityOf(object)]),
    ),
  };
}

async function verify(input: Input, tools: StepTools): Promise<Verified<MeshObserved>> {
  const observed = observedOf(input, await read(input, tools));
  const { parameters } = input;
  const ok = isShifted(observed);
  const summary = ok
    ? `${parameters.host}: ${describe(parameters)}, by ${observed.found[0]}`
    : `${parameters.host}: expected one VirtualService with ${describe(parameters)}, seen ${observed.found.join(', ') || 'none'}`;
  return { ok, observed, summary };
}

async function undo(input: Input, tools: StepTools): Promise<Applied & { readonly summary: string }> {
  const { clusterName, cluster, host, mesh } = input.parameters;
  const client = await clientOf(clusterName, cluster, tools);
  await assertStampIsOurs(client, input.operation);
  // An attempt that failed or was lost on its way has reported no snapshot, yet kept one.
  const former = input.snapshot ?? (await readFormer(client, ownerOf(input)));
  if (former === undefined) return { summary: `${host}: its route was not touched` };
  const { at, route, visibilities } = former as unknown as MeshSnapshot;
  // The services first: one whose route is gone before it is public again would be unreachable in between.
  const gone = await putLabelsBack(client, mesh.namespace, visibilities);
  const { id, epoch } = input.operation;
  const shift = { stamp: { epoch, operation: id }, parameters: input.parameters };
  const { summary, ...undone } = await undoRoute(client, { at, route }, shift);
  const without =
    gone.length === 0 ? '' : `; deleted since the shift, and left so: Knative Service ${gone.join(', ')}`;
  return { ...undone, summary: `${host}: ${summary} (${at.namespace}/${at.name})${without}` };
}

/** @returns the services that somebody has deleted: they have no label any more, and the others go on */
async function putLabelsBack(
  client: KubernetesClient,
  namespace: string,
  visibilities: MeshSnapshot['visibilities'],
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const [name, visibility] of Object.entries(visibilities)) {
    try {
      await setVisibility(client, { namespace, name }, visibility);
    } catch (error) {
      if (!hasCode(error, 404)) throw error;
      gone.push(`${namespace}/${name}`);
    }
  }
  return gone;
}
