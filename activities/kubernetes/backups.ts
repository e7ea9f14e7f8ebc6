import { promisify } from 'node:util';
import { gunzip as gunzipInThread } from 'node:zlib';
import { clusterLabel, namesToRead, type BackupFacts } from '../../domain/kubernetes/backup-choice.ts';
import { list, mapping, textOf } from '../../domain/kubernetes/object.ts';
import type { VolumeMethods } from '../../domain/kubernetes/skipped-by-velero.ts';
import { readFilters } from '../../domain/kubernetes/velero-filters.ts';
import { inLanes } from './lanes.ts';
import type { Bucket } from './s3.ts';

/** The newest backups of a bucket by their own metadata: what counts, whatever a cluster has synced so far. */
export async function readBackups(bucket: Bucket, schedule: string): Promise<readonly BackupFacts[]> {
  const folders = await bucket.folders('backups/');
  const names = namesToRead(
    folders.map((folder) => folder.slice('backups/'.length, -1)),
    schedule,
  );
  const found = new Map<string, BackupFacts>();
  await inLanes(names, 8, async (name) => {
    const folder = `backups/${name}/`;
    const [metadata, keys] = await Promise.all([
      bucket.get(`${folder}velero-backup.json`),
      bucket.list(folder),
    ]);
    found.set(name, factsOf(name, metadata?.body, keys.includes(`${folder}${name}.tar.gz`)));
  });
  return names.flatMap((name) => found.get(name) ?? []);
}

function factsOf(name: string, metadata: Buffer | undefined, hasArchive: boolean): BackupFacts {
  const { value, unreadable } = parse(metadata);
  const backup = mapping(value);
  const status = mapping(backup['status']);
  const labels = mapping(mapping(backup['metadata'])['labels']);
  const expiresAt = Date.parse(textOf(status['expiration']));
  return {
    name,
    phase: textOf(status['phase']),
    ...(unreadable === undefined ? {} : { unreadable }),
    startedAt: Date.parse(textOf(status['startTimestamp'])) || 0,
    items: Number(mapping(status['progress'])['itemsBackedUp'] ?? 0),
    errors: Number(status['errors'] ?? 0),
    warnings: Number(status['warnings'] ?? 0),
    schedule: textOf(labels['velero.io/schedule-name']),
    cluster: textOf(labels[clusterLabel]),
    ...(Number.isNaN(expiresAt) ? {} : { expiresAt }),
    filters: readFilters(backup['spec']),
    hasArchive,
  };
}

function parse(text: Buffer | undefined): { readonly value?: unknown; readonly unreadable?: string } {
  if (text === undefined) return { unreadable: 'velero-backup.json is missing' };
  try {
    const value: unknown = JSON.parse(text.toString('utf8'));
    const { phase } = mapping(mapping(value)['status']);
    return phase === undefined ? { unreadable: 'velero-backup.json names no phase' } : { value };
  } catch {
    return { unreadable: `velero-backup.json (${text.length} bytes) is no JSON` };
  }
}

const gunzip = promisify(gunzipInThread);

/**
 * How a backup kept the data of each volume. Only Velero reads it to restore anything: a file that is not there (before
 * 1.13) or is broken says that nothing was kept.
 */
export async function readVolumes(bucket: Bucket, name: string): Promise<VolumeMethods> {
  const stored = await bucket.get(`backups/${name}/${name}-volumeinfo.json.gz`);
  if (stored === undefined) return new Map();
  try {
    const volumes = list(JSON.parse((await gunzip(stored.body)).toString('utf8'))).map(mapping);
    return new Map(volumes.map(({ pvName, backupMethod }) => [textOf(pvName), textOf(backupMethod)]));
  } catch {
    return new Map();
  }
}
