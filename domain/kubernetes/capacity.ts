import type { NodePool } from '../schema/kubernetes.ts';
import { quantity } from './covers.ts';
import { list, mapping, textOf, type KubernetesObject } from './object.ts';

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
  const spec = mapping(object['spec']);
  const template = mapping(spec['template']);
  const containers = list(mapping(template['spec'])['containers']);
  if (containers.length === 0) return nothing;
  const replicas = replicasOf(object, spec, template);
  const requested = (name: string) =>
    containers.reduce<number>((sum, container) => sum + (requestOf(container, name) ?? 0), 0) * replicas;
  return { cpu: requested('cpu'), memory: requested('memory'), pods: replicas };
}

function replicasOf(
  object: KubernetesObject,
  spec: Readonly<Record<string, unknown>>,
  template: Readonly<Record<string, unknown>>,
): number {
  if (object.apiVersion.startsWith('serving.knative.dev/')) {
    const annotations = mapping(mapping(template['metadata'])['annotations']);
    const least =
      annotations['autoscaling.knative.dev/min-scale'] ?? annotations['autoscaling.knative.dev/minScale'];
    return Number(textOf(least, '0')) || 0;
  }
  return typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
}

function requestOf(container: unknown, name: string): number | undefined {
  const resources = mapping(mapping(container)['resources']);
  const asked = mapping(resources['requests'])[name] ?? mapping(resources['limits'])[name];
  return asked === undefined ? undefined : quantity(textOf(asked));
}

export const sum = (all: readonly Resources[]): Resources =>
  all.reduce((a, b) => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory, pods: a.pods + b.pods }), nothing);

/** Resources that do not fit, each with what is wanted and what there is. */
export function shortages(wanted: Resources, offered: Offer, where: string): readonly string[] {
  return resourceNames.flatMap((name) => {
    const limit = offered[name];
    if (limit === undefined || wanted[name] <= limit) return [];
    return [
      `${name} of ${where}: the manifests ask for ${show(name, wanted[name])}, there is ${show(name, limit)}`,
    ];
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

/** What a manifest asks for beyond what its object on the cluster uses already: a repeated apply asks for nothing more. */
export function demandBeyond(wanted: KubernetesObject, live: KubernetesObject | undefined): Resources {
  const demand = demandOf(wanted);
  const used = live === undefined ? nothing : usedBy(live);
  const beyond = (name: ResourceName) => Math.max(0, demand[name] - used[name]);
  return { cpu: beyond('cpu'), memory: beyond('memory'), pods: beyond('pods') };
}

/** By the pods that its controller says are there; Knative says of a Service only whether it is ready. */
function usedBy(live: KubernetesObject): Resources {
  const demand = demandOf(live);
  const status = mapping(live['status']);
  const isReady = list(status['conditions']).some(
    (condition) => mapping(condition)['type'] === 'Ready' && mapping(condition)['status'] === 'True',
  );
  const pods = live.apiVersion.startsWith('serving.knative.dev/')
    ? demand.pods * Number(isReady)
    : Number(textOf(status['replicas'], '0'));
  const part = demand.pods === 0 ? 0 : pods / demand.pods;
  return { cpu: demand.cpu * part, memory: demand.memory * part, pods };
}

/**
 * What a ResourceQuota still lets through of what it limits; requests.cpu counts as cpu. A quota for some pods only
 * (by scope) is left out: which pods those are, the manifests do not say.
 */
export function quotaLeft(quota: KubernetesObject): Offer {
  const { hard, scopes, scopeSelector } = mapping(quota['spec']);
  if (list(scopes).length > 0 || scopeSelector !== undefined) return {};
  const used = mapping(mapping(quota['status'])['used']);
  const left: { [name in ResourceName]?: number } = {};
  for (const name of resourceNames) {
    for (const key of [name, name === 'pods' ? 'count/pods' : `requests.${name}`]) {
      const limit = quantity(textOf(mapping(hard)[key]));
      if (limit === undefined) continue;
      const rest = Math.max(0, limit - (quantity(textOf(used[key])) ?? 0));
      left[name] = Math.min(left[name] ?? rest, rest);
    }
  }
  return left;
}
