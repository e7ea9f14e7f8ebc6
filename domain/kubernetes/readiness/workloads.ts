import { conditionOf, conditionsOf, describeCondition } from '../conditions.ts';
import { mapping, textOf, type KubernetesObject } from '../object.ts';
import { failed, progressing, ready, type Verdict } from './verdict.ts';

const spec = (object: KubernetesObject) => mapping(object['spec']);
const status = (object: KubernetesObject) => mapping(object['status']);
const count = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);

/** The first comparison that does not hold, worded with both numbers. */
function firstShort(
  checks: readonly (readonly [what: string, seen: number, wanted: number])[],
): Verdict | undefined {
  const short = checks.find(([, seen, wanted]) => seen < wanted);
  return short === undefined ? undefined : progressing(`${short[0]}: ${short[1]} of ${short[2]}`);
}

const surplus = (pods: number, wanted: number): Verdict | undefined =>
  pods > wanted ? progressing(`${pods - wanted} pods of the old version still end`) : undefined;

export function deployment(object: KubernetesObject): Verdict {
  const wanted = count(spec(object)['replicas'], 1);
  const seen = status(object);
  const progress = conditionOf(object, 'Progressing');
  if (progress?.reason === 'ProgressDeadlineExceeded') return failed(describeCondition(progress));
  const pods = count(seen['replicas'], 0);
  const updated = count(seen['updatedReplicas'], 0);
  const counted =
    firstShort([
      ['pods', pods, wanted],
      ['updated pods', updated, wanted],
    ]) ??
    surplus(pods, wanted) ??
    firstShort([
      ['available pods', count(seen['availableReplicas'], 0), updated],
      ['ready pods', count(seen['readyReplicas'], 0), wanted],
    ]);
  if (counted !== undefined) return counted;
  // Without a deadline the controller never sets Progressing; the largest 32-bit number is its word for "no deadline".
  const deadline = count(spec(object)['progressDeadlineSeconds'], 2 ** 31 - 1);
  const settled = progress?.status === 'True' && progress.reason === 'NewReplicaSetAvailable';
  if (deadline !== 2 ** 31 - 1 && !settled) {
    return progressing(
      progress === undefined ? 'Progressing: not reported yet' : describeCondition(progress),
    );
  }
  const available = conditionOf(object, 'Available');
  if (available?.status === 'True') return ready;
  return progressing(available === undefined ? 'Available: not reported yet' : describeCondition(available));
}

/** The controller sets no conditions, so a rollout that cannot succeed looks the same as a slow one. */
export function statefulSet(object: KubernetesObject): Verdict {
  const strategy = mapping(spec(object)['updateStrategy']);
  if (strategy['type'] === 'OnDelete') return ready; // pods are replaced when a person deletes them
  const wanted = count(spec(object)['replicas'], 1);
  const seen = status(object);
  const pods = count(seen['replicas'], 0);
  const counted =
    firstShort([
      ['pods', pods, wanted],
      ['ready pods', count(seen['readyReplicas'], 0), wanted],
    ]) ?? surplus(pods, wanted);
  if (counted !== undefined) return counted;
  const partition = mapping(strategy['rollingUpdate'])['partition'];
  if (typeof partition === 'number') {
    const behindPartition = ['updated pods', count(seen['updatedReplicas'], 0), wanted - partition] as const;
    return firstShort([behindPartition]) ?? ready;
  }
  const current = firstShort([['current pods', count(seen['currentReplicas'], 0), wanted]]);
  if (current !== undefined) return current;
  if (seen['currentRevision'] === seen['updateRevision']) return ready;
  return progressing(
    `revision ${textOf(seen['updateRevision'], 'none')} rolls out, current: ${textOf(seen['currentRevision'], 'none')}`,
  );
}

export function daemonSet(object: KubernetesObject): Verdict {
  const seen = status(object);
  if (object.metadata.generation === undefined || typeof seen['observedGeneration'] !== 'number') {
    return progressing('not looked at by its controller yet');
  }
  const wanted = seen['desiredNumberScheduled'];
  if (typeof wanted !== 'number') return progressing('number of nodes to run on: not reported yet');
  return (
    firstShort([
      ['nodes with a pod', count(seen['currentNumberScheduled'], 0), wanted],
      ['nodes with an updated pod', count(seen['updatedNumberScheduled'], 0), wanted],
      ['nodes with an available pod', count(seen['numberAvailable'], 0), wanted],
      ['nodes with a ready pod', count(seen['numberReady'], 0), wanted],
    ]) ?? ready
  );
}

export function replicaSet(object: KubernetesObject): Verdict {
  const failure = conditionsOf(object).find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (failure !== undefined) return progressing(describeCondition(failure));
  const wanted = count(spec(object)['replicas'], 1);
  const seen = status(object);
  return (
    firstShort([
      ['labelled pods', count(seen['fullyLabeledReplicas'], 0), wanted],
      ['available pods', count(seen['availableReplicas'], 0), wanted],
      ['ready pods', count(seen['readyReplicas'], 0), wanted],
    ]) ??
    surplus(count(seen['replicas'], 0), wanted) ??
    ready
  );
}
