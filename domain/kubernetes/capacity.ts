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
export function shortages(
  wanted: Resources,
  offered: Readonly<Partial<Record<ResourceName, number>>>,
  where: string,
): readonly string[] {
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

/** What a ResourceQuota still lets through of what it limits; requests.cpu counts as cpu. */
export function quotaLimits(quota: KubernetesObject): Partial<Record<ResourceName, number>> {
  const hard = mapping(mapping(quota['spec'])['hard']);
  const limits: Partial<Record<ResourceName, number>> = {};
  for (const name of resourceNames) {
    const limit = quantity(textOf(hard[`requests.${name}`] ?? hard[name]));
    if (limit !== undefined) limits[name] = limit;
  }
  return limits;
}
