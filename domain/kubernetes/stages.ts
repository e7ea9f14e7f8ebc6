import { groupOf, type KubernetesObject } from './object.ts';

/**
 * The order in which manifests are applied, with a barrier after each stage: what a stage needs stands when it
 * begins. Routes come after their backends, or traffic meets 503s; webhooks come last, because a webhook whose pods
 * are not up refuses everything in its scope.
 */
export const stages = ['definitions', 'namespaces', 'config', 'workloads', 'routes', 'webhooks'] as const;
export type Stage = (typeof stages)[number];

const byGroupKind: Readonly<Record<string, Stage>> = {
  'apiextensions.k8s.io/CustomResourceDefinition': 'definitions',
  '/Namespace': 'namespaces',
  '/ServiceAccount': 'namespaces',
  '/ResourceQuota': 'namespaces',
  '/LimitRange': 'namespaces',
  'rbac.authorization.k8s.io/ClusterRole': 'namespaces',
  'rbac.authorization.k8s.io/ClusterRoleBinding': 'namespaces',
  'rbac.authorization.k8s.io/Role': 'namespaces',
  'rbac.authorization.k8s.io/RoleBinding': 'namespaces',
  'scheduling.k8s.io/PriorityClass': 'namespaces',
  'storage.k8s.io/StorageClass': 'namespaces',
  'node.k8s.io/RuntimeClass': 'namespaces',
  '/ConfigMap': 'config',
  '/Secret': 'config',
  '/PersistentVolumeClaim': 'config',
  'networking.k8s.io/Ingress': 'routes',
  'networking.internal.knative.dev/Ingress': 'routes',
  'serving.knative.dev/DomainMapping': 'routes',
  'serving.knative.dev/Route': 'routes',
  'autoscaling/HorizontalPodAutoscaler': 'webhooks',
  'policy/PodDisruptionBudget': 'webhooks',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': 'webhooks',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': 'webhooks',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': 'webhooks',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': 'webhooks',
};

/** Groups of which every kind without an entry above is a route. */
const routeGroups = new Set(['networking.istio.io', 'gateway.networking.k8s.io']);

export function stageOf(object: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Stage {
  const group = groupOf(object.apiVersion);
  return (
    byGroupKind[`${group}/${object.kind}`] ??
    (object.kind.endsWith('Class') ? 'namespaces' : undefined) ??
    (routeGroups.has(group) ? 'routes' : 'workloads')
  );
}

const rankInStage: Readonly<Record<string, number>> = { Namespace: 0 };

/** Objects by stage, stages without any left out; inside a stage namespaces go first. */
export function inStages(
  objects: readonly KubernetesObject[],
): readonly { readonly stage: Stage; readonly objects: readonly KubernetesObject[] }[] {
  const found = new Map<Stage, KubernetesObject[]>();
  for (const object of objects) {
    const stage = stageOf(object);
    const members = found.get(stage);
    if (members === undefined) found.set(stage, [object]);
    else members.push(object);
  }
  return stages.flatMap((stage) => {
    const members = found.get(stage);
    if (members === undefined) return [];
    const rank = ({ kind }: KubernetesObject) => rankInStage[kind] ?? 1;
    return [{ stage, objects: members.toSorted((a, b) => rank(a) - rank(b)) }];
  });
}
