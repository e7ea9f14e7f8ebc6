import { conditionOf, conditionsOf, describeCondition } from '../conditions.ts';
import { groupOf, mapping, type KubernetesObject } from '../object.ts';
import { definition, job, persistentVolumeClaim, pod, service } from './core-kinds.ts';
import { knativeConditions, knativeRule } from './knative.ts';
import { ending, failed, progressing, ready, type Verdict } from './verdict.ts';
import { daemonSet, deployment, replicaSet, statefulSet } from './workloads.ts';

type Rule = (object: KubernetesObject, nowMs: number) => Verdict;
const always: Rule = () => ready;

/** The rules of kstatus (sigs.k8s.io/cli-utils v0.37.2, pkg/kstatus), by group and kind, with Knative's own beside them. */
const rules: Readonly<Record<string, Rule>> = {
  '/Service': service,
  '/Pod': pod,
  '/Secret': always,
  '/ConfigMap': always,
  '/PersistentVolumeClaim': persistentVolumeClaim,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'apps/Deployment': deployment,
  'apps/ReplicaSet': replicaSet,
  'policy/PodDisruptionBudget': always,
  'batch/CronJob': always,
  'batch/Job': job,
  'apiextensions.k8s.io/CustomResourceDefinition': definition,
};

/** Whether a live object has become what its manifest asks for. */
export function readinessOf(object: KubernetesObject, nowMs: number): Verdict {
  const general = generalRule(object);
  if (general !== undefined) return general;
  const group = groupOf(object.apiVersion);
  const kind = `${group}/${object.kind}`;
  const rule = rules[kind] ?? (kind in knativeConditions ? knativeRule : undefined);
  return rule === undefined ? byReadyCondition(object) : rule(object, nowMs);
}

/** What holds for every kind: deletion, a generation not looked at yet, and the two standard conditions. */
function generalRule(object: KubernetesObject): Verdict | undefined {
  const { deletionTimestamp, generation } = object.metadata;
  if (deletionTimestamp !== undefined && deletionTimestamp !== '') {
    return ending(`is being deleted since ${deletionTimestamp}`);
  }
  const observed = mapping(object['status'])['observedGeneration'];
  if (generation !== undefined && typeof observed === 'number' && observed !== generation) {
    return progressing(`generation ${generation} not observed yet, last observed: ${observed}`);
  }
  for (const condition of conditionsOf(object)) {
    if (condition.status !== 'True') continue;
    if (condition.type === 'Reconciling') return progressing(describeCondition(condition));
    if (condition.type === 'Stalled') return failed(describeCondition(condition));
  }
  return undefined;
}

/** Kinds that nobody told us about count as ready unless they say Ready themselves. */
function byReadyCondition(object: KubernetesObject): Verdict {
  const condition = conditionOf(object, 'Ready');
  return condition === undefined || condition.status === 'True'
    ? ready
    : progressing(describeCondition(condition));
}
