import type { Json } from '../json.ts';
import { judgeStamp } from '../operation.ts';
import type { Decision, StepInput } from '../step.ts';
import type { ShiftMeshParameters } from './parameters.ts';

/** What shiftMesh saw of one public host. */
export type MeshObserved = {
  readonly host: string;
  /** `namespace/name` of each VirtualService that answers for the host at the gateways. */
  readonly found: readonly string[];
  /** Spec of the one that was found. */
  readonly spec: Json;
  /** It routes this host, and no other, as wanted. */
  readonly isRouted: boolean;
  /** Why it must not be changed. */
  readonly objections: readonly string[];
  /** Who shifted the one that was found last. */
  readonly stamp: { readonly epoch: number; readonly operation: string } | null;
  /** Who holds the cluster: a host without a route has no stamp of its own. */
  readonly clusterStamp: { readonly epoch: number; readonly operation: string } | null;
  /** Knative Services that the routes lead to. */
  readonly services: readonly {
    readonly name: string;
    readonly isThere: boolean;
    readonly isReady: boolean;
    readonly because: string;
    readonly visibility: string;
  }[];
  /** What this operation's step kept of the state before its shift; null: it has not shifted, or is not through yet. */
  readonly former: Json;
};

export function decideMesh(
  observed: MeshObserved,
  input: Pick<StepInput<ShiftMeshParameters>, 'operation' | 'parameters' | 'style' | 'mode'>,
): Decision {
  const { host, found, services } = observed;
  const { operation, parameters, style, mode } = input;
  // A precheck looks before the apply that brings the services: that they are not there yet is no mistake then.
  const isEarly = mode === 'precheck';
  const stale = [observed.clusterStamp, observed.stamp].flatMap((stamp) => {
    if (operation.epoch === 0) return [];
    const verdict = judgeStamp(stamp ?? undefined, operation.epoch, operation.id);
    return verdict.kind === 'stale' ? [verdict.reason] : [];
  });
  const { percent } = parameters.canary ?? {};
  const reasons = [
    ...[...new Set(stale)].map((reason) => `${host}: ${reason}`),
    ...(found.length > 1
      ? [
          `${host}: expected one VirtualService at these gateways, seen ${found.length}: ${found.join(', ')}; remove all but one`,
        ]
      : observed.objections),
    ...services
      .filter(({ isThere }) => !isThere && !isEarly)
      .map(({ name }) => `${host}: Knative Service ${name} is not there`),
    ...(percent !== undefined && (percent < 0 || percent > 100)
      ? [`${host}: canary of ${percent} percent`]
      : []),
  ];
  if (reasons.length > 0) return { kind: 'refuse', reasons };
  const unready = services.filter(({ isReady }) => !isReady);
  if (unready.length > 0 && style === 'graceful' && !isEarly) {
    return { kind: 'wait', for: unready.map(({ name, because }) => `Knative Service ${name}: ${because}`) };
  }
  if (isShifted(observed) && !(isEarly && unready.length > 0)) {
    const because = `${host}: its routes are as wanted`;
    return { kind: 'already', because, ...(observed.former === null ? {} : { snapshot: observed.former }) };
  }
  const open = services.filter(({ visibility }) => visibility !== 'cluster-local');
  return {
    kind: 'apply',
    will: [
      ...unready.map(
        ({ name, isThere, because }) =>
          `wait for Knative Service ${name}: ${isThere ? because : 'not there yet'}`,
      ),
      ...open.map(({ name }) => `${name}: make it cluster-local`),
      `${host}: ${found[0] === undefined ? 'create its VirtualService' : `change ${found[0]}`}: ${describe(parameters)}`,
    ],
  };
}

/** Routed exactly as wanted, and no service reachable past the route. */
export const isShifted = ({ found, isRouted, services }: MeshObserved): boolean =>
  found.length === 1 && isRouted && services.every(({ visibility }) => visibility === 'cluster-local');

export function describe({ mesh, canary }: ShiftMeshParameters): string {
  if (canary === undefined) return `all requests to ${mesh.service}`;
  if (canary.header !== undefined) {
    return `requests with ${canary.header.name}: ${canary.header.value} to ${canary.service}, the others to ${mesh.service}`;
  }
  return `${canary.percent ?? 0} percent to ${canary.service}, the others to ${mesh.service}`;
}
