import type { Json } from '../json.ts';
import { conditionsOf, describeCondition } from './conditions.ts';
import { quantity } from './covers.ts';
import { list, mapping, textOf, type KubernetesObject } from './object.ts';

const blockingTaints = new Set([
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/unschedulable',
  'node.cloudprovider.kubernetes.io/uninitialized',
]);

/** Why pods cannot run on a node yet; empty when they can. */
export function nodeProblems(node: KubernetesObject): readonly string[] {
  const spec = mapping(node['spec']);
  const ready = conditionsOf(node).find(({ type }) => type === 'Ready');
  const taints = list(spec['taints']).map((taint) => textOf(mapping(taint)['key']));
  const cpu = quantity(textOf(mapping(mapping(node['status'])['allocatable'])['cpu'])) ?? 0;
  return [
    ...(ready === undefined
      ? ['Ready not reported yet']
      : ready.status === 'True'
        ? []
        : [describeCondition(ready)]),
    ...taints.filter((key) => blockingTaints.has(key)).map((key) => `taint ${key}`),
    ...(spec['unschedulable'] === true && taints.length === 0 ? ['cordoned'] : []),
    ...(cpu > 0 ? [] : ['no allocatable cpu reported']),
  ];
}

/** What scaleOutNodes saw. */
export type PoolObserved = {
  readonly pool: string;
  readonly wanted: number;
  /** Nodes asked for at present; null where a hook sets them and nobody can say. */
  readonly asked: number | null;
  /** What the pool may grow to; null: no limit known. */
  readonly maximum: number | null;
  readonly ready: number;
  readonly unready: readonly string[];
  readonly unreadyTotal: number;
  /** What the manifests ask for beyond what the nodes will offer, by resource. */
  readonly shortages: readonly string[];
  readonly conditions: readonly string[];
  /** What this operation's step kept of the pool before it scaled it; null: it has not, or is not through yet. */
  readonly former: Json;
};

/** Nodes that are enough: all before the deadline, the quorum after it. */
export const quorumOf = (wanted: number, quorum: number): number => Math.max(1, Math.ceil(wanted * quorum));

/** Names what is missing: nodes that are not ready with their conditions, and how many never registered. */
export function describeMissing(observed: PoolObserved): readonly string[] {
  const { wanted, ready, unready, unreadyTotal } = observed;
  const unregistered = wanted - ready - unreadyTotal;
  return [
    ...unready,
    ...(unreadyTotal > unready.length
      ? [`and ${unreadyTotal - unready.length} more nodes that are not ready`]
      : []),
    ...(unregistered > 0 ? [`${unregistered} of ${wanted} nodes have not registered`] : []),
    ...observed.conditions,
  ];
}
