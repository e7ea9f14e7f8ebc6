import { conditionOf, describeCondition } from '../conditions.ts';
import { groupOf, mapping, textOf, type KubernetesObject } from '../object.ts';
import { progressing, ready, type Verdict } from './verdict.ts';

/** The conditions behind Ready, in the order in which they come true: the first that is not names the cause. */
export const knativeConditions: Readonly<Record<string, readonly string[]>> = {
  'serving.knative.dev/Service': ['ConfigurationsReady', 'RoutesReady', 'Ready'],
  'serving.knative.dev/Configuration': ['Ready'],
  'serving.knative.dev/Route': ['AllTrafficAssigned', 'CertificateProvisioned', 'IngressReady', 'Ready'],
  'serving.knative.dev/Revision': ['ResourcesAvailable', 'ContainerHealthy', 'Active', 'Ready'],
  'serving.knative.dev/DomainMapping': ['DomainClaimed', 'IngressReady', 'Ready'],
};

/**
 * Ready alone is not enough: the generation must have been looked at, and the newest revision must be the one that
 * serves. Ready=False is not final either: Knative gives a revision ten minutes.
 */
export function knativeRule(object: KubernetesObject): Verdict {
  const status = mapping(object['status']);
  const { generation } = object.metadata;
  if (status['observedGeneration'] !== generation) {
    return progressing(
      `generation ${textOf(generation, 'none')} not observed yet, last observed: ${textOf(status['observedGeneration'], 'none')}`,
    );
  }
  const verdict = conditionOf(object, 'Ready');
  if (verdict?.status !== 'True') return progressing(cause(object));
  const { latestCreatedRevisionName: created, latestReadyRevisionName: serving } = status;
  return created === serving
    ? ready
    : progressing(`revision ${textOf(created, 'none')} is not ready, serving: ${textOf(serving, 'none')}`);
}

function cause(object: KubernetesObject): string {
  const types = knativeConditions[`${groupOf(object.apiVersion)}/${object.kind}`] ?? ['Ready'];
  const open = types
    .map((type) => conditionOf(object, type))
    .find((condition) => condition !== undefined && condition.status !== 'True');
  return open === undefined ? 'Ready: not reported yet' : describeCondition(open);
}
