import type { NodePool } from '../schema/kubernetes.ts';
import { quantity } from './covers.ts';
import type { KubernetesObject } from './object.ts';
import { askedByPod, podSpecOf, podsWanted } from './pods.ts';

/** cpu in cores, memory in bytes, pods as a number. */
export interface Resources {
  readonly cpu: number;
  readonly memory: number;
  readonly pods: number;
}
export const resourceNames = ['cpu', 'memory', 'pods'] as const;
export type ResourceName = (typeof resourceNames)[number];

export type Offer = Readonly<Partial<Record<ResourceName, number>>>;

const nothing: Resources = { cpu: 0, memory: 0, pods: 0 };

/** What a manifest asks for when all its replicas run; zero for what runs no pods. */
export function demandOf(object: KubernetesObject): Resources {
  const spec = podSpecOf(object);
  if (spec === undefined) return nothing;
  const pods = podsWanted(object);
  const asked = askedByPod(spec, 'requests');
  const requested = (name: string) => (asked.get(name) ?? 0) * pods;
  return { cpu: requested('cpu'), memory: requested('memory'), pods };
}

export const sum = (all: readonly Resources[]): Resources =>
  all.reduce((a, b) => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory, pods: a.pods + b.pods }), nothing);

/** Resources that do not fit, each with what is wanted and what there is. */
export function shortages(
  wanted: Resources,
  offered: Offer,
  { where, who = 'the manifests' }: { readonly where: string; readonly who?: string },
): readonly string[] {
  return resourceNames.flatMap((name) => {
    const limit = offered[name];
    if (limit === undefined || wanted[name] <= limit) return [];
    return [`${name} of ${where}: ${who} ask for ${show(name, wanted[name])}, there is ${show(name, limit)}`];
  });
}

const show = (name: ResourceName, value: number): string =>
  name === 'memory' ? `${(value / 2 ** 30).toFixed(1)} GiB` : `${Math.round(value * 100) / 100}`;

/** What the pools of a cluster offer together; of a resource that one of them does not name, nobody knows how much. */
export function offeredBy(pools: readonly NodePool[]): Offer {
  const offer: { [name in ResourceName]?: number } = {};
  for (const name of resourceNames) {
    const each = pools.map(({ resources, nodes }) => (quantity(resources[name] ?? '') ?? Number.NaN) * nodes);
    const total = each.reduce((a, b) => a + b, 0);
    if (pools.length > 0 && !Number.isNaN(total)) offer[name] = total;
  }
  return offer;
}
