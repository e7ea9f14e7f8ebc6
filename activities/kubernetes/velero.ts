import { gunzipSync } from 'node:zlib';
import { messageOf } from '../../domain/error-message.ts';
import { mapping, textOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { readResults, type RestoreMessage } from '../../domain/kubernetes/restore-results.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import { ConnectionError, hasCode } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { listObjects } from './list.ts';
import { readObject } from './read-object.ts';
import type { Bucket } from './s3.ts';

export interface LocationState {
  readonly phase: string;
  readonly message: string;
  readonly lastSyncedAt: string;
  /** When Velero wrote about it last, ms since 1970; undefined: never. It does so each minute, as long as it runs. */
  readonly lookedAt: number | undefined;
}

export interface RestoreRecord {
  readonly name: string;
  readonly phase: string;
  readonly backup: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly items: number;
  readonly total: number;
  readonly errors: number;
  readonly warnings: number;
  /** Velero's own words when it failed. */
  readonly reason: string;
}

/** The Velero of one cluster, by its objects. */
export interface Velero {
  location(): Promise<LocationState>;
  /** Whether the cluster knows a backup already: it looks into the bucket once a minute. */
  knowsBackup(name: string): Promise<boolean>;
  restores(): Promise<readonly RestoreRecord[]>;
  restore(name: string): Promise<RestoreRecord | undefined>;
  /** Creates a Restore once. @returns false when there is one of this name, whoever made it */
  createRestore(name: string, labels: Readonly<Record<string, string>>, spec: object): Promise<boolean>;
}

const RESTORE = { apiVersion: 'velero.io/v1', kind: 'Restore', plural: 'restores', namespaced: true };

export function veleroOf(client: KubernetesClient, { velero }: KubernetesCluster): Velero {
  const { namespace } = velero;
  const root = `/apis/velero.io/v1/namespaces/${namespace}`;
  const restore = async (name: string) => {
    const found = await readObject(client, `${root}/restores/${name}`);
    return found === undefined ? undefined : recordOf(found);
  };
  return {
    location: async () => {
      const found = await readObject(client, `${root}/backupstoragelocations/${velero.storageLocation}`);
      const status = mapping(found?.['status']);
      return {
        phase: found === undefined ? 'absent' : textOf(status['phase'], 'unknown'),
        message: textOf(status['message']),
        lastSyncedAt: textOf(status['lastSyncedTime']),
        lookedAt: newestOf(status['lastSyncedTime'], status['lastValidationTime']),
      };
    },
    knowsBackup: async (name) => (await readObject(client, `${root}/backups/${name}`)) !== undefined,
    restores: async () => (await listObjects(client, RESTORE, { namespace })).map(recordOf),
    restore,
    createRestore: async (name, labels, spec) => {
      const object = {
        apiVersion: RESTORE.apiVersion,
        kind: RESTORE.kind,
        metadata: { name, namespace, labels },
        spec,
      };
      try {
        // Velero changes the spec at once, so this is not an apply, and it is not repeated blindly either.
        await client.call({
          method: 'POST',
          path: `${root}/restores`,
          body: JSON.stringify(object),
          patience: { busyMs: 30_000, passingMs: 0, doubtfulMs: 5_000 },
        });
        return true;
      } catch (error) {
        if (hasCode(error, 409)) return false;
        if (error instanceof ConnectionError)
          return (await restore(name)) === undefined ? Promise.reject(error) : false;
        throw error;
      }
    },
  };
}

function newestOf(...times: readonly unknown[]): number | undefined {
  const known = times.map((time) => Date.parse(textOf(time))).filter((time) => !Number.isNaN(time));
  return known.length === 0 ? undefined : Math.max(...known);
}

function recordOf(restore: KubernetesObject): RestoreRecord {
  const status = mapping(restore['status']);
  const progress = mapping(status['progress']);
  const errors = status['validationErrors'];
  return {
    name: restore.metadata.name,
    phase: textOf(status['phase']),
    backup: textOf(mapping(restore['spec'])['backupName']),
    labels: restore.metadata.labels ?? {},
    items: Number(progress['itemsRestored'] ?? 0),
    total: Number(progress['totalItems'] ?? 0),
    errors: Number(status['errors'] ?? 0),
    warnings: Number(status['warnings'] ?? 0),
    reason: [
      textOf(status['failureReason']),
      ...(Array.isArray(errors) ? errors.map((one) => textOf(one)) : []),
    ]
      .filter((text) => text !== '')
      .join('; '),
  };
}

/** What Velero says about a restore; `unreadable`: why there is nothing to read. */
export interface RestoreMessages {
  readonly messages: readonly RestoreMessage[];
  readonly unreadable?: string;
}

/**
 * Warnings and errors of a restore, word by word, from the bucket: the object only has their numbers. They explain and
 * do not decide, so a file that cannot be read fails nothing.
 */
export async function readRestoreMessages(bucket: Bucket, name: string): Promise<RestoreMessages> {
  const key = `restores/${name}/restore-${name}-results.gz`;
  try {
    const stored = await bucket.get(key);
    if (stored === undefined)
      return { messages: [], unreadable: `its results file ${key} is not in the bucket` };
    return { messages: readResults(JSON.parse(gunzipSync(stored.body).toString('utf8'))) };
  } catch (error) {
    return { messages: [], unreadable: `its results file ${key} cannot be read: ${messageOf(error)}` };
  }
}
