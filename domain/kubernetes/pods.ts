import { quantity } from './covers.ts';
import { list, mapping, textOf, type KubernetesObject } from './object.ts';

type Members = Readonly<Record<string, unknown>>;

const templateOf = (object: KubernetesObject): Members => mapping(mapping(object['spec'])['template']);

const isKnative = ({ apiVersion }: KubernetesObject): boolean =>
  apiVersion.startsWith('serving.knative.dev/');

/** The pods that an object is or runs: how each of them is specified; undefined: it runs none. */
export function podSpecOf(object: KubernetesObject): Members | undefined {
  const spec =
    object.apiVersion === 'v1' && object.kind === 'Pod'
      ? mapping(object['spec'])
      : mapping(templateOf(object)['spec']);
  return list(spec['containers']).length === 0 ? undefined : spec;
}

/** How many pods it runs when all of them are there. Of a DaemonSet one: how many nodes there will be, nobody knows. */
export function podsWanted(object: KubernetesObject): number {
  const spec = mapping(object['spec']);
  if (isKnative(object)) {
    const annotations = mapping(mapping(templateOf(object)['metadata'])['annotations']);
    const least =
      annotations['autoscaling.knative.dev/min-scale'] ?? annotations['autoscaling.knative.dev/minScale'];
    return Number(textOf(least, '0')) || 0;
  }
  const wanted = spec['replicas'] ?? spec['parallelism'];
  return typeof wanted === 'number' ? wanted : 1;
}

/** How many its controller says are there; Knative says of a Service only whether it is ready. */
export function podsThere(live: KubernetesObject): number {
  const status = mapping(live['status']);
  if (isKnative(live)) {
    const isReady = list(status['conditions']).some(
      (condition) => mapping(condition)['type'] === 'Ready' && mapping(condition)['status'] === 'True',
    );
    return isReady ? podsWanted(live) : 0;
  }
  return Number(textOf(status['replicas'] ?? status['currentNumberScheduled'] ?? status['active'], '0'));
}

/** What a namespace's LimitRanges give to containers that do not say it themselves. */
export interface ContainerDefaults {
  readonly requests: Members;
  readonly limits: Members;
}
export const noDefaults: ContainerDefaults = { requests: {}, limits: {} };

export function defaultsOf(limitRanges: readonly KubernetesObject[]): ContainerDefaults {
  const items = limitRanges
    .flatMap(({ spec }) => list(mapping(spec)['limits']).map(mapping))
    .filter(({ type }) => type === 'Container');
  const merged = (name: string): Members => Object.assign({}, ...items.map((item) => mapping(item[name])));
  return { requests: merged('defaultRequest'), limits: merged('default') };
}

/**
 * What one pod asks for, or is limited to, by resource. As the server has it: a request that is left out is the limit,
 * or else the namespace's default; containers that only prepare run one after the other, before the others.
 */
export function askedByPod(
  spec: Members,
  what: 'requests' | 'limits',
  defaults: ContainerDefaults = noDefaults,
): ReadonlyMap<string, number> {
  const preparing = list(spec['initContainers']);
  const running = [...list(spec['containers']), ...preparing.filter(staysOn)];
  const asked = (container: unknown): Members => {
    const resources = mapping(mapping(container)['resources']);
    const [requests, limits] = [mapping(resources['requests']), mapping(resources['limits'])];
    return what === 'limits'
      ? { ...defaults.limits, ...limits }
      : { ...defaults.requests, ...limits, ...requests };
  };
  const names = new Set([...running, ...preparing].flatMap((container) => Object.keys(asked(container))));
  const amount = (container: unknown, name: string) => quantity(textOf(asked(container)[name])) ?? 0;
  return new Map(
    [...names].map((name) => {
      const together = running.reduce<number>((sum, container) => sum + amount(container, name), 0);
      return [name, Math.max(together, ...preparing.map((container) => amount(container, name)))];
    }),
  );
}

const staysOn = (container: unknown): boolean => mapping(container)['restartPolicy'] === 'Always';
