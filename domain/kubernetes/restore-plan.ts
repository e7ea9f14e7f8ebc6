import { createHash } from 'node:crypto';
import type { Operation } from '../operation.ts';
import type { LabelRequirement } from './label-selector.ts';
import type { KubernetesObject } from './object.ts';

/** One object of a backup, by where it lies in the archive. */
export interface BackupItem {
  /** `plural` or `plural.group`, as Velero names resources. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A route as shiftMesh left it; absent: it is not. */
  readonly isShifted?: boolean;
}

export const webhookConfigurations: readonly string[] = [
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
];

/** Kinds that controllers make for an owner: those of workloads, and Knative's. */
export const workloadsChildren: readonly string[] = ['pods', 'replicasets.apps', 'controllerrevisions.apps'];
export const knativesChildren: readonly string[] = [
  'routes.serving.knative.dev',
  'configurations.serving.knative.dev',
  'revisions.serving.knative.dev',
  'ingresses.networking.internal.knative.dev',
  'certificates.networking.internal.knative.dev',
  'serverlessservices.networking.internal.knative.dev',
  'podautoscalers.autoscaling.internal.knative.dev',
  'metrics.autoscaling.internal.knative.dev',
  'images.caching.internal.knative.dev',
];

/**
 * Kinds that never come out of a backup here. Nodes and events: Velero's own rule. Webhook configurations: restored
 * before their pods are up they refuse everything in their scope, so they are left to do, by name. Children of
 * controllers: the controllers make them anew. Knative's: the newest manifest of a service beats the backup, and
 * children without their owner are refused by Knative itself. Definitions: we install them ourselves, much faster.
 */
export const neverRestored: readonly string[] = [
  'nodes',
  'events',
  'events.events.k8s.io',
  'csinodes.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  ...webhookConfigurations,
  ...workloadsChildren,
  'endpoints',
  'endpointslices.discovery.k8s.io',
  'leases.coordination.k8s.io',
  'ipaddresses.networking.k8s.io',
  'servicecidrs.networking.k8s.io',
  'services.serving.knative.dev',
  ...knativesChildren,
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
];

/** Whether anybody needs more of an object of a backup than its metadata: for a restore, or to install definitions. */
export const isContentUsed = (resource: string): boolean =>
  !neverRestored.includes(resource) || resource === 'customresourcedefinitions.apiextensions.k8s.io';

/** The server fills these in by itself, in each namespace. */
const made = new Set(['configmaps/kube-root-ca.crt', 'serviceaccounts/default', 'services/kubernetes']);

/**
 * Whether an object may come out of a backup at all, by where it lies. Each cluster has a Velero of its own: the lost
 * one's schedules would go on under the lost cluster's name, its locations and credentials would take the place of the
 * standby's.
 */
export function isRestored({ resource, namespace, name }: BackupItem, veleroNamespace: string): boolean {
  if (neverRestored.includes(resource) || made.has(`${resource}/${name}`)) return false;
  if (resource.endsWith('.velero.io')) return false;
  return (resource === 'namespaces' ? name : namespace) !== veleroNamespace;
}

/**
 * What Velero's own knowledge is needed for: data, what runs once, and what grants rights, which our identity may not.
 */
const leftToVelero: readonly RegExp[] = [
  /^persistentvolume(claim)?s$/,
  /^(cron)?jobs\.batch$/,
  /\.rbac\.authorization\.k8s\.io$/,
  /\.snapshot\.storage\.k8s\.io$/,
];

/**
 * Whether we may bring an object back by our own server-side apply: Velero does one object after the other, two writes
 * each, and a platform of a thousand plain objects is a minute of an emergency.
 */
export function isPlain(item: BackupItem, object: KubernetesObject): boolean {
  if (leftToVelero.some((pattern) => pattern.test(item.resource))) return false;
  if ((object.metadata.ownerReferences ?? []).length > 0) return false;
  return object['type'] !== 'kubernetes.io/service-account-token';
}

export const itemKey = ({ resource, namespace, name }: Omit<BackupItem, 'labels'>): string =>
  `${resource}/${namespace ?? ''}/${name}`;

/** What a run calls its restores: the same each time, and another one for another operation, backup or cluster. */
export function restoreName(
  operation: Pick<Operation, 'id' | 'epoch'>,
  target: { readonly cluster: string; readonly backup: string },
  attempt: number,
): string {
  const text = JSON.stringify([operation.id, operation.epoch, target.cluster, target.backup]);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  // A name is one per bucket, not one per cluster, and a label value (63 characters) of everything that is restored.
  const cluster = target.cluster.replaceAll(/[^a-z0-9-]/g, '-').slice(0, 20);
  return `siteshift-${cluster}-e${operation.epoch}-${hash}-a${attempt}`;
}

export const operationLabel = 'siteshift.dev/operation-hash';
export const operationHash = (operation: Pick<Operation, 'id' | 'epoch'>): string =>
  createHash('sha256').update(`${operation.id} ${operation.epoch}`).digest('hex').slice(0, 16);

/** How a Restore is kept away from what it must not bring. */
export interface RestoreScope {
  /** Absent: all. */
  readonly namespaces?: readonly string[];
  /** Objects that fulfil one of these; none: all. */
  readonly anyOf?: readonly LabelRequirement[];
}

/**
 * Velero decides at the volume whether a claim keeps it or gets another one; where the volume is left out, the claim
 * would wait for the lost one for ever.
 */
const besidesClaims: readonly string[] = [
  'persistentvolumes',
  'volumesnapshotclasses.snapshot.storage.k8s.io',
  'volumesnapshotcontents.snapshot.storage.k8s.io',
  'volumesnapshots.snapshot.storage.k8s.io',
];

/**
 * The spec of the Restore: only the kinds of which something is missing, within the scope of its turn. The server
 * changes it afterwards, so it is created once and never applied again.
 */
export function restoreSpec(options: {
  readonly backup: string;
  readonly missing: readonly BackupItem[];
  readonly scope: RestoreScope;
  readonly veleroNamespace: string;
}): Readonly<Record<string, unknown>> {
  const { backup, missing, scope, veleroNamespace } = options;
  const kinds = new Set(missing.map(({ resource }) => resource));
  const besides = kinds.has('persistentvolumeclaims') ? besidesClaims : [];
  const resources = [...new Set([...kinds, ...besides])].toSorted();
  const [first, ...others] = (scope.anyOf ?? []).map((one) => ({ matchExpressions: [one] }));
  return {
    backupName: backup,
    includedResources: resources,
    excludedResources: neverRestored.filter((resource) => !resources.includes(resource)),
    includedNamespaces: scope.namespaces ?? ['*'],
    excludedNamespaces: [veleroNamespace],
    includeClusterResources: true,
    existingResourcePolicy: 'none',
    itemOperationTimeout: '10m',
    // Velero takes one of the two.
    ...(first === undefined
      ? {}
      : others.length === 0
        ? { labelSelector: first }
        : { orLabelSelectors: [first, ...others] }),
  };
}

export type RestoreState = 'waiting' | 'running' | 'ended' | 'again';

/** What a phase of Velero means for us. Failed: the server died in the middle, or refused; a new attempt may do. */
export function restoreState(phase: string): RestoreState {
  switch (phase) {
    case '':
    case 'New':
      return 'waiting';
    case 'Completed':
    case 'PartiallyFailed':
      return 'ended';
    case 'Failed':
    case 'FailedValidation':
      return 'again';
    default:
      return 'running';
  }
}
