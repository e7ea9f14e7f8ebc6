import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import type { Cluster } from './cluster.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { NODE_POOLS_NAMESPACE } from './lab-definitions.ts';
import { VELERO_NAMESPACE, VELERO_PATH } from './velero.ts';
import { waitUntil } from './wait-until.ts';

/** The Schedule that the lab's backups belong to. */
export const SCHEDULE = 'daily';

export interface Backup extends KubernetesObject {
  readonly status?: {
    readonly phase?: string;
    readonly startTimestamp?: string;
    readonly progress?: { readonly itemsBackedUp?: number; readonly totalItems?: number };
    readonly failureReason?: string;
    readonly validationErrors?: readonly string[];
  };
}

const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease'];

/** Everything but what each cluster has of its own. */
const BACKUP_SPEC = {
  excludedNamespaces: [...SYSTEM_NAMESPACES, VELERO_NAMESPACE, NODE_POOLS_NAMESPACE],
  includeClusterResources: true,
  storageLocation: 'default',
  ttl: '720h0m0s',
};

/** Says which cluster a backup is of; a Schedule hands its labels on to its backups. */
const CLUSTER_LABEL = 'siteshift.dev/cluster';

/** A Schedule that runs each night at three, and not at once. */
export function dailySchedule(cluster: string): KubernetesObject {
  return {
    apiVersion: 'velero.io/v1',
    kind: 'Schedule',
    metadata: { name: SCHEDULE, namespace: VELERO_NAMESPACE, labels: { [CLUSTER_LABEL]: cluster } },
    spec: { schedule: '0 3 * * *', skipImmediately: true, template: BACKUP_SPEC },
  };
}

/**
 * Takes a backup now, as one of the Schedule: `restore from the newest of the schedule` finds it by its label. Waits
 * until it is in the bucket; anything but Completed is an error with Velero's reason.
 */
export async function takeBackup(
  { api, name: cluster }: Cluster,
  options: { readonly name: string; readonly withinMs?: number },
): Promise<Backup> {
  const { name, withinMs = 180_000 } = options;
  await api.create({
    apiVersion: 'velero.io/v1',
    kind: 'Backup',
    metadata: {
      name,
      namespace: VELERO_NAMESPACE,
      labels: { 'velero.io/schedule-name': SCHEDULE, [CLUSTER_LABEL]: cluster },
    },
    spec: BACKUP_SPEC,
  });
  const ended = await waitUntil({ what: `backup ${name} of ${cluster} ended`, withinMs }, async () => {
    const backup = await getBackup(api, name);
    if (!isEnded(backup)) throw new Error(`phase ${backup.status?.phase ?? 'none yet'}`);
    return backup;
  });
  const { phase, failureReason, validationErrors = [] } = ended.status ?? {};
  if (phase !== 'Completed') {
    const reason = [failureReason, ...validationErrors].filter(Boolean).join('; ');
    throw new Error(
      `backup ${name} of ${cluster}: expected Completed, seen ${phase}: ${reason || 'no reason given'}`,
    );
  }
  return ended;
}

/**
 * Waits until a cluster has found a backup of the other one in the bucket. Velero looks there once a minute, and when
 * it starts: so it is restarted, as nobody learns anything from waiting.
 */
export async function syncNow(
  { api, name: cluster, processes }: Cluster,
  backup: string,
  withinMs = 180_000,
): Promise<void> {
  await processes.velero.restart();
  await waitUntil({ what: `backup ${backup} known on ${cluster}`, withinMs }, async () => {
    const { status } = await getBackup(api, backup);
    if (status?.phase !== 'Completed') throw new Error(`expected phase Completed, seen ${status?.phase}`);
  });
}

async function getBackup(api: ApiClient, name: string): Promise<Backup> {
  try {
    return await api.get(`${VELERO_PATH}/backups/${name}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404)
      throw new Error('no such backup yet', { cause: error });
    throw error;
  }
}

const ENDS = ['Completed', 'PartiallyFailed', 'Failed', 'FailedValidation'];
const isEnded = (backup: Backup) => ENDS.includes(backup.status?.phase ?? '');
