import { clusterLabel } from '../../domain/kubernetes/backup-choice.ts';
import { mapping } from '../../domain/kubernetes/object.ts';
import { broughtByNobody } from '../../domain/kubernetes/brought-by-nobody.ts';
import { itemKey, webhookConfigurations } from '../../domain/kubernetes/restore-plan.ts';
import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { findMissing } from './presence.ts';
import { readObject } from './read-object.ts';

/** Webhook configurations of a backup that a cluster lacks: no restore brings them, because they refuse too early. */
export async function missingWebhooks(
  client: KubernetesClient,
  objects: readonly BackupObject[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wanted = objects.filter(({ resource }) => webhookConfigurations.includes(resource));
  const { missing } = await findMissing(client, wanted, signal);
  return missing.map(({ resource, name }) => `${resource}/${name}`);
}

/** What is wrong with the Schedule that a cluster is backed up by; empty: nothing. */
export async function scheduleProblem(
  client: KubernetesClient,
  clusterName: string,
  { velero }: KubernetesCluster,
  schedule: string,
): Promise<string> {
  const path = `/apis/velero.io/v1/namespaces/${velero.namespace}/schedules/${schedule}`;
  const found = await readObject(client, path);
  if (found === undefined) return `${clusterName} has no Schedule ${schedule}`;
  if (mapping(found['spec'])['paused'] === true) return `Schedule ${schedule} of ${clusterName} is paused`;
  const label = found.metadata.labels?.[clusterLabel] ?? 'none';
  return label === clusterName
    ? ''
    : `Schedule ${schedule} of ${clusterName}: expected label ${clusterLabel}: ${clusterName}, seen ${label}`;
}

const SHOWN = 20;

/** What no restore may bring: Velero takes kinds, not objects, and the children of all controllers would come, too. */
function describeByHand(clusterName: string, keys: readonly string[], backupName: string): readonly string[] {
  if (keys.length === 0) return [];
  const more = keys.length > SHOWN ? ` and ${keys.length - SHOWN} more` : '';
  return [
    `${clusterName} lacks ${keys.slice(0, SHOWN).join(', ')}${more}: no controller makes them and no restore brings them; apply them by hand, as they stand in the archive of ${backupName}`,
  ];
}

/** What a person has to see to once a cluster has taken over, and no restore does. */
export async function leftAfterRestore(
  client: KubernetesClient,
  { clusterName, cluster, location, services }: RestoreBackupParameters,
  backup: { readonly name: string; readonly objects: readonly BackupObject[] },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const webhooks = await missingWebhooks(client, backup.objects, signal);
  const rules = {
    veleroNamespace: cluster.velero.namespace,
    ...(services === undefined ? {} : { services }),
  };
  const byHand = await findMissing(client, broughtByNobody(backup.objects, rules), signal);
  const schedule = await scheduleProblem(client, clusterName, cluster, location.schedule);
  return [
    ...(webhooks.length === 0
      ? []
      : [
          `${clusterName} lacks ${webhooks.join(', ')}: once their pods are up, velero restore create --from-backup ${backup.name} --include-cluster-resources --include-resources ${webhookConfigurations.join(',')}`,
        ]),
    ...describeByHand(clusterName, byHand.missing.map(itemKey), backup.name),
    ...(schedule === ''
      ? []
      : [
          `${schedule}: until it is put right nothing backs ${clusterName} up, and no failback finds a backup`,
        ]),
  ];
}
