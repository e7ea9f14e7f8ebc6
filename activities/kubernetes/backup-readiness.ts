import { clusterLabel, type BackupFacts, type Rejected } from '../../domain/kubernetes/backup-choice.ts';
import { good, lookAt, problem, warning, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { mapping } from '../../domain/kubernetes/object.ts';
import type { BackupLocation, KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import type { StepTools } from '../tools.ts';
import { backupCompleteness } from './backup-completeness.ts';
import { definitionsOf, findBackup } from './backup-content.ts';
import { clientOf } from './client.ts';
import { missingWebhooks } from './left-after-restore.ts';
import { findMissing } from './presence.ts';
import { probeWriting } from './probe-bucket.ts';
import { readObject } from './read-object.ts';
import { openBucket, type Bucket } from './s3.ts';
import { veleroOf } from './velero.ts';

/** Velero looks into the bucket once a minute; this much later something is wrong. */
const SYNCED_WITHIN_MS = 5 * 60_000;

export interface BackupReadinessOptions {
  readonly locationName: string;
  readonly location: BackupLocation;
  /** Cluster that is backed up, and the one that would be restored into. */
  readonly primary: { readonly name: string; readonly cluster: KubernetesCluster };
  readonly standby: { readonly name: string; readonly cluster: KubernetesCluster };
}

/** Whether a restore would find what it needs, seen from both clusters and from the bucket itself. */
export async function backupReadiness(
  options: BackupReadinessOptions,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const { locationName, location, primary, standby } = options;
  const where = `backup location ${locationName}`;
  const findings = await Promise.all([
    lookAt(where, 'see to the bucket and its credentials', async () => {
      const bucket = await openBucket(location, tools);
      return [...(await freshness(bucket, options, tools)), await writable(bucket, where)];
    }),
    ...[primary, standby].map(({ name, cluster }) =>
      lookAt(`backup location of ${name}`, `see to ${name}`, () => locationState(name, cluster, tools)),
    ),
    lookAt(`schedule ${location.schedule} of ${primary.name}`, `see to ${primary.name}`, () =>
      scheduleState(options, tools),
    ),
  ]);
  return findings.flat();
}

async function freshness(
  bucket: Bucket,
  { location, locationName, primary, standby }: BackupReadinessOptions,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const what = `newest backup in ${locationName}`;
  const parameters = {
    location,
    clusterName: standby.name,
    cluster: standby.cluster,
    writers: [primary.name],
  };
  const { chosen, rejected } = await findBackup(bucket, parameters, { nowMs: tools.now(), acceptOld: false });
  if (chosen === undefined) {
    const seen = rejected.slice(0, 3).map(({ name, because }) => `${name}: ${because}`);
    return [
      problem(
        what,
        `none is good: ${seen.join('; ') || 'there is none'}`,
        'take a backup and see why the schedule did not',
      ),
    ];
  }
  const { facts, objects } = chosen;
  const client = await clientOf(standby.name, standby.cluster, tools);
  const defined = definitionsOf(chosen);
  const { missing } = await findMissing(client, defined, tools.signal);
  const webhooks = await missingWebhooks(client, objects, tools.signal);
  const isSynced = await veleroOf(client, standby.cluster).knowsBackup(facts.name);
  return [
    describeNewest(what, facts, tools.now(), location),
    ...passedOver(rejected, facts),
    ...(await lookAt(`completeness of ${facts.name}`, `see to ${primary.name}`, async () =>
      backupCompleteness(
        await clientOf(primary.name, primary.cluster, tools),
        primary.cluster.velero.namespace,
        facts,
        objects,
      ),
    )),
    isSynced
      ? good(`${facts.name} on ${standby.name}`, 'synced')
      : warning(
          `${facts.name} on ${standby.name}`,
          'not synced yet',
          'wait a minute; then see whether Velero runs there',
        ),
    missing.length === 0
      ? good(`definitions on ${standby.name}`, `all ${defined.length} of the backup are installed`)
      : problem(
          `definitions on ${standby.name}`,
          `${missing.length} of ${defined.length} are missing: ${missing
            .slice(0, 5)
            .map(({ name }) => name)
            .join(', ')}`,
          `install them now (siteshift run prepare-standby --to ${standby.cluster.site}): in the emergency it costs time`,
        ),
    ...(webhooks.length === 0
      ? []
      : [
          warning(
            `webhook configurations on ${standby.name}`,
            `it lacks ${webhooks.slice(0, 5).join(', ')}`,
            'no restore brings them back: plan who creates them once their pods are up',
          ),
        ]),
  ];
}

/** The loss that a restore would mean counts from the start of the backup: that is when objects were read. */
function describeNewest(
  what: string,
  { name, startedAt, items, warnings }: BackupFacts,
  nowMs: number,
  { maximumAgeMs }: BackupLocation,
): KubernetesFinding {
  const age = `${name} is ${((nowMs - startedAt) / 3_600_000).toFixed(1)} h old, ${items} items, ${warnings} warnings`;
  const isNearlyOld = nowMs - startedAt > maximumAgeMs * 0.9;
  return isNearlyOld
    ? warning(what, age, 'it becomes too old soon: see whether the schedule runs')
    : good(what, age);
}

/** A newer one that is not good says that the schedule or the bucket is in trouble although an older one will do. */
const passedOver = (rejected: readonly Rejected[], newest: BackupFacts): readonly KubernetesFinding[] =>
  rejected
    .filter(({ startedAt, isForeign }) => !isForeign && (startedAt === 0 || startedAt > newest.startedAt))
    .map(({ name, because }) =>
      warning(`backup ${name}`, `not used: ${because}`, 'take another one and see why this one is not good'),
    );

async function writable(bucket: Bucket, where: string): Promise<KubernetesFinding> {
  const what = `writing to ${where}`;
  const seen = await probeWriting(bucket);
  return seen === '' ? good(what, 'works') : problem(what, seen, 'grant write access below restores/');
}

async function locationState(
  name: string,
  cluster: KubernetesCluster,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const what = `backup location of ${name}`;
  const { phase, message, lastSyncedAt } = await veleroOf(
    await clientOf(name, cluster, tools),
    cluster,
  ).location();
  if (phase !== 'Available') {
    return [
      problem(
        what,
        `expected Available, seen ${phase} ${message}`.trim(),
        'see to the bucket, its credentials and Velero',
      ),
    ];
  }
  const syncedMs = tools.now() - Date.parse(lastSyncedAt);
  return Number.isNaN(syncedMs) || syncedMs > SYNCED_WITHIN_MS
    ? [warning(what, `last synced ${lastSyncedAt || 'never'}`, `see whether Velero runs on ${name}`)]
    : [good(what, `Available, synced ${Math.round(syncedMs / 1_000)} s ago`)];
}

async function scheduleState(
  { primary, location }: BackupReadinessOptions,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const what = `schedule ${location.schedule} of ${primary.name}`;
  const client = await clientOf(primary.name, primary.cluster, tools);
  const { namespace } = primary.cluster.velero;
  const path = `/apis/velero.io/v1/namespaces/${namespace}/schedules/${location.schedule}`;
  const schedule = await readObject(client, path);
  if (schedule === undefined)
    return [problem(what, 'there is none', 'create it: without it nothing is backed up')];
  const { paused, schedule: cron } = mapping(schedule['spec']);
  const phase = mapping(schedule['status'])['phase'];
  if (paused === true) return [problem(what, 'it is paused', 'unpause it')];
  if (phase !== 'Enabled')
    return [problem(what, `expected phase Enabled, seen ${String(phase)}`, 'see its validation errors')];
  const label = schedule.metadata.labels?.[clusterLabel] ?? '';
  if (label !== primary.name) {
    const seen = `expected label ${clusterLabel}: ${primary.name}, seen ${label || 'none'}`;
    const remedy = 'its backups inherit it: they say whose they are by it';
    return [label === '' ? warning(what, seen, remedy) : problem(what, seen, remedy)];
  }
  return [good(what, `enabled, ${String(cron)}`)];
}
