import { conditionOf, conditionsOf, describeCondition } from '../conditions.ts';
import { list, mapping, textOf, type KubernetesObject } from '../object.ts';
import { failed, progressing, ready, type Verdict } from './verdict.ts';

const status = (object: KubernetesObject) => mapping(object['status']);

/** A pod that nothing can be done for within this time after its creation counts as failed, not as slow. */
const schedulingMs = 15_000;

export function pod(object: KubernetesObject, nowMs: number): Verdict {
  const phase = status(object)['phase'];
  switch (phase) {
    case 'Succeeded':
    case 'Failed':
      return ready; // it ran to its end; whether that was a success is its owner's matter
    case 'Running':
      return runningPod(object);
    case 'Pending':
      return pendingPod(object, nowMs);
    default:
      return progressing(`phase ${textOf(phase, 'not reported yet')}`);
  }
}

function runningPod(object: KubernetesObject): Verdict {
  const condition = conditionOf(object, 'Ready');
  if (condition?.status === 'True') return ready;
  const crashing = list(status(object)['containerStatuses'])
    .map(mapping)
    .filter(({ state }) => mapping(mapping(state)['waiting'])['reason'] === 'CrashLoopBackOff')
    .map(({ name }) => textOf(name));
  if (crashing.length > 0) return failed(`containers crash again and again: ${crashing.join(', ')}`);
  return progressing(condition === undefined ? 'runs, Ready not reported yet' : describeCondition(condition));
}

function pendingPod(object: KubernetesObject, nowMs: number): Verdict {
  const scheduled = conditionOf(object, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable')
    return progressing('phase Pending');
  const ageMs = nowMs - Date.parse(object.metadata.creationTimestamp ?? '');
  return ageMs <= schedulingMs
    ? progressing(describeCondition(scheduled))
    : failed(describeCondition(scheduled)); // also without the time: nothing says that it is young
}

export function persistentVolumeClaim(object: KubernetesObject): Verdict {
  const phase = status(object)['phase'];
  return phase === 'Bound'
    ? ready
    : progressing(`phase ${textOf(phase, 'not reported yet')}, expected Bound`);
}

/** A job that has begun counts as ready: nobody waits for its end. */
export function job(object: KubernetesObject): Verdict {
  for (const condition of conditionsOf(object)) {
    if (condition.status !== 'True') continue;
    if (condition.type === 'Failed') return failed(describeCondition(condition));
    if (condition.type === 'Complete') return ready;
    if (condition.type === 'Suspended' && mapping(object['spec'])['suspend'] === true) return ready;
  }
  return status(object)['startTime'] === undefined ? progressing('not started yet') : ready;
}

export function service(object: KubernetesObject): Verdict {
  const { type, clusterIP } = mapping(object['spec']);
  const lacksAddress = type === 'LoadBalancer' && (clusterIP === undefined || clusterIP === '');
  return lacksAddress ? progressing('cluster address not assigned yet') : ready;
}

export function definition(object: KubernetesObject): Verdict {
  for (const condition of conditionsOf(object)) {
    if (condition.type === 'NamesAccepted' && condition.status === 'False')
      return failed(describeCondition(condition));
    if (condition.type !== 'Established') continue;
    if (condition.status === 'True') return ready;
    if (condition.status === 'False' && condition.reason !== 'Installing')
      return failed(describeCondition(condition));
  }
  return progressing('Established: not reported yet');
}
