import { gunzipSync } from 'node:zlib';
import { clusterLabel, type BackupFacts } from '../../domain/kubernetes/backup-choice.ts';
import { list, mapping, textOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { BackupItem } from '../../domain/kubernetes/restore-plan.ts';
import type { VolumeMethods } from '../../domain/kubernetes/skipped-by-velero.ts';
import { inLanes } from './lanes.ts';
import type { Bucket } from './s3.ts';
import { readTar } from './tar.ts';

/** More backups than this are not looked at: the newest ones are what matters. */
const MOST = 100;

/** Every backup of a bucket by its own metadata: what counts, whatever a cluster has synced so far. */
export async function readBackups(bucket: Bucket): Promise<readonly BackupFacts[]> {
  const folders = (await bucket.folders('backups/')).toSorted().reverse().slice(0, MOST);
  const found = new Map<string, BackupFacts>();
  await inLanes(folders, 8, async (folder) => {
    const name = folder.slice('backups/'.length, -1);
    const [metadata, keys] = await Promise.all([
      bucket.get(`${folder}velero-backup.json`),
      bucket.list(folder),
    ]);
    found.set(name, factsOf(name, metadata?.body, keys.includes(`${folder}${name}.tar.gz`)));
  });
  return folders.flatMap((folder) => found.get(folder.slice('backups/'.length, -1)) ?? []);
}

function factsOf(name: string, metadata: Buffer | undefined, hasArchive: boolean): BackupFacts {
  const { value, unreadable } = parse(metadata);
  const backup = mapping(value);
  const spec = mapping(backup['spec']);
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
    includedNamespaces: list(spec['includedNamespaces']).map((one) => textOf(one)),
    excludedNamespaces: list(spec['excludedNamespaces']).map((one) => textOf(one)),
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

/** An object of a backup with its content. */
export interface BackupObject extends BackupItem {
  readonly object: KubernetesObject;
}

/**
 * Reads the whole archive of a backup, which also proves that it can be read.
 * @throws Error that says where it is broken
 */
export async function readArchive(bucket: Bucket, name: string): Promise<readonly BackupObject[]> {
  const key = `backups/${name}/${name}.tar.gz`;
  const stored = await bucket.get(key);
  if (stored === undefined) throw new Error(`${bucket.where}${key} is missing`);
  try {
    const objects: BackupObject[] = [];
    for (const { path, body } of readTar(gunzipSync(stored.body))) {
      const item = itemOf(path);
      if (item === undefined) continue;
      const object = JSON.parse(body.toString('utf8')) as KubernetesObject;
      objects.push({ ...item, labels: object.metadata.labels ?? {}, object });
    }
    return objects;
  } catch (error) {
    const size = stored.body.length;
    throw new Error(`${bucket.where}${key} (${size} bytes) is truncated or corrupted: ${String(error)}`, {
      cause: error,
    });
  }
}

/**
 * How a backup kept the data of each volume. Only Velero reads it to restore anything: a file that is not there (before
 * 1.13) or is broken says that nothing was kept.
 */
export async function readVolumes(bucket: Bucket, name: string): Promise<VolumeMethods> {
  const stored = await bucket.get(`backups/${name}/${name}-volumeinfo.json.gz`);
  if (stored === undefined) return new Map();
  try {
    const volumes = list(JSON.parse(gunzipSync(stored.body).toString('utf8'))).map(mapping);
    return new Map(volumes.map(({ pvName, backupMethod }) => [textOf(pvName), textOf(backupMethod)]));
  } catch {
    return new Map();
  }
}

/** `resources/<resource>/{cluster|namespaces/<namespace>}/<name>.json`; each version lies there once more, in between. */
function itemOf(path: string): Omit<BackupItem, 'labels'> | undefined {
  const match = /^resources\/([^/]+)\/(?:cluster|namespaces\/([^/]+))\/(.+)\.json$/.exec(path);
  if (match === null) return undefined;
  const [, resource = '', namespace, name = ''] = match;
  return { resource, name, ...(namespace === undefined ? {} : { namespace }) };
}
