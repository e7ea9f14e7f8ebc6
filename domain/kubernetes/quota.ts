import { quantity } from './covers.ts';
import { groupOf, list, mapping, textOf, type KubernetesObject } from './object.ts';
import { askedByPod, noDefaults, podSpecOf, podsThere, podsWanted, type ContainerDefaults } from './pods.ts';

/** By the names that a ResourceQuota gives them: cores, bytes, pieces. */
export type Amounts = ReadonlyMap<string, number>;

export interface Quota {
  readonly namespace: string;
  readonly name: string;
  /** Not on the cluster yet. */
  readonly isComing: boolean;
  readonly hard: Amounts;
  readonly used: Amounts;
}

/** An object and what the server calls its kind: `plural` or `plural.group`. */
export interface Counted {
  readonly object: KubernetesObject;
  readonly resource: string;
}

/** What would come onto a cluster. */
export interface Coming {
  /** By an apply: it takes the place of what is there. */
  readonly applied: readonly KubernetesObject[];
  /** By a restore before that: what is there stays as it is. */
  readonly restored: readonly KubernetesObject[];
}

/** Limits of a ResourceQuota. Those for some pods only (by scope) are left out: which pods, the manifests do not say. */
export function limitsOf(quota: KubernetesObject): Amounts {
  const { hard, scopes, scopeSelector } = mapping(quota['spec']);
  return list(scopes).length > 0 || scopeSelector !== undefined ? new Map() : amountsOf(hard);
}

export const usedOf = (quota: KubernetesObject): Amounts => amountsOf(mapping(quota['status'])['used']);

const amountsOf = (value: unknown): Amounts =>
  new Map(
    Object.entries(mapping(value)).flatMap(([name, text]) => {
      const amount = quantity(textOf(text));
      return amount === undefined ? [] : [[name, amount] as const];
    }),
  );

/** What an object takes by itself, as the server counts it: pods count by themselves, not with what runs them. */
export function takenBy({ object, resource }: Counted): Amounts {
  const own = sumOf([
    resource === '' ? new Map() : new Map([[`count/${resource}`, 1]]),
    resource === 'pods' || resource === '' || resource.includes('.') ? new Map() : new Map([[resource, 1]]),
  ]);
  if (groupOf(object.apiVersion) !== '') return own;
  if (object.kind === 'PersistentVolumeClaim') return sumOf([own, takenByClaim(object)]);
  if (object.kind === 'Service') return sumOf([own, takenByService(object)]);
  const pod = object.kind === 'Pod' && !isOver(object) ? podSpecOf(object) : undefined;
  return pod === undefined ? own : sumOf([own, new Map([['pods', 1]]), takenByPods(pod, 1)]);
}

/** What it takes together with the pods that it runs; with `live`, only beyond what that and its pods take already. */
export function askedBy(
  coming: Counted,
  live?: KubernetesObject,
  defaults: ContainerDefaults = noDefaults,
): Amounts {
  const { object, resource } = coming;
  const all = sumOf([takenBy(coming), takenByItsPods(object, podsWanted(object), defaults)]);
  if (live === undefined) return all;
  const there = sumOf([takenBy({ object: live, resource }), takenByItsPods(live, podsThere(live), defaults)]);
  return new Map([...all].map(([name, amount]) => [name, Math.max(0, amount - (there.get(name) ?? 0))]));
}

function takenByItsPods(object: KubernetesObject, pods: number, defaults: ContainerDefaults): Amounts {
  const spec = object.kind === 'Pod' ? undefined : podSpecOf(object);
  if (spec === undefined) return new Map();
  return sumOf([
    new Map([
      ['pods', pods],
      ['count/pods', pods],
    ]),
    takenByPods(spec, pods, defaults),
  ]);
}

/** Of these a quota may say `cpu` instead of `requests.cpu`. */
const shortNames = new Set(['cpu', 'memory', 'ephemeral-storage']);

function takenByPods(
  spec: Readonly<Record<string, unknown>>,
  pods: number,
  defaults: ContainerDefaults = noDefaults,
): Amounts {
  const taken = new Map<string, number>();
  for (const what of ['requests', 'limits'] as const) {
    for (const [name, amount] of askedByPod(spec, what, defaults)) {
      taken.set(`${what}.${name}`, amount * pods);
      if (what === 'requests' && shortNames.has(name)) taken.set(name, amount * pods);
    }
  }
  return taken;
}

const isOver = (pod: KubernetesObject): boolean =>
  ['Succeeded', 'Failed'].includes(textOf(mapping(pod['status'])['phase']));

function takenByClaim(claim: KubernetesObject): Amounts {
  const { resources, storageClassName } = mapping(claim['spec']);
  const bytes = quantity(textOf(mapping(mapping(resources)['requests'])['storage'])) ?? 0;
  const ofClass = `${textOf(storageClassName)}.storageclass.storage.k8s.io/`;
  const own: readonly (readonly [string, number])[] =
    storageClassName === undefined
      ? []
      : [
          [`${ofClass}requests.storage`, bytes],
          [`${ofClass}persistentvolumeclaims`, 1],
        ];
  return new Map([['requests.storage', bytes], ...own]);
}

function takenByService(service: KubernetesObject): Amounts {
  const { type, ports, allocateLoadBalancerNodePorts } = mapping(service['spec']);
  const isBalanced = type === 'LoadBalancer';
  const hasNodePorts = type === 'NodePort' || (isBalanced && allocateLoadBalancerNodePorts !== false);
  return new Map([
    ['services.loadbalancers', Number(isBalanced)],
    ['services.nodeports', hasNodePorts ? list(ports).length : 0],
  ]);
}

/** Claims that a StatefulSet makes for its pods, named as it names them: a backup may hold the same ones. */
export function claimsOf(object: KubernetesObject): readonly KubernetesObject[] {
  if (object.apiVersion !== 'apps/v1' || object.kind !== 'StatefulSet') return [];
  const { volumeClaimTemplates, ordinals } = mapping(object['spec']);
  const first = Number(textOf(mapping(ordinals)['start'], '0'));
  const { name: owner, namespace = 'default' } = object.metadata;
  return list(volumeClaimTemplates).flatMap((template) => {
    const { metadata, spec } = mapping(template);
    return Array.from({ length: podsWanted(object) }, (_, index) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace, name: `${textOf(mapping(metadata)['name'])}-${owner}-${first + index}` },
      spec,
    }));
  });
}

/** Whose number or size a limit is about, so that what is in use can be counted. */
export function limitedResource(name: string): string {
  if (name.startsWith('count/')) return name.slice('count/'.length);
  if (name.startsWith('services.')) return 'services';
  if (name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/'))
    return 'persistentvolumeclaims';
  return /^(requests|limits)\.|^(cpu|memory|ephemeral-storage)$/.test(name) ? 'pods' : name;
}

export function sumOf(all: readonly Amounts[]): Amounts {
  const sums = new Map<string, number>();
  for (const [name, amount] of all.flatMap((amounts) => [...amounts]))
    sums.set(name, (sums.get(name) ?? 0) + amount);
  return sums;
}

/** Of what a quota has not enough, with what is asked for and what it has left. */
export function quotaShortages({ namespace, name, isComing, hard, used }: Quota, asked: Amounts): string[] {
  return [...hard].flatMap(([resource, limit]) => {
    const left = Math.max(0, limit - (used.get(resource) ?? 0));
    const wanted = asked.get(resource) ?? 0;
    if (wanted <= left) return [];
    const which = `namespace ${namespace}, quota ${name}${isComing ? ' (which comes along)' : ''}`;
    return [`${which}: ${resource}: ${show(resource, wanted)} asked for, ${show(resource, left)} left`];
  });
}

function show(resource: string, amount: number): string {
  if (!/(memory|storage)$/.test(resource)) return String(Math.round(amount * 1_000) / 1_000);
  const inGib = amount / 2 ** 30;
  return inGib === 0 || inGib >= 1 ? `${inGib.toFixed(1)} GiB` : `${(inGib * 1_024).toFixed(1)} MiB`;
}
