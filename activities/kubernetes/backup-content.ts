import {
  chooseBackups,
  rejection,
  type BackupFacts,
  type Rejected,
} from '../../domain/kubernetes/backup-choice.ts';
import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';
import { wantedObjects } from '../../domain/kubernetes/wanted-objects.ts';
import { BrokenArchiveError, readArchive, type BackupObject } from './backup-archive.ts';
import { readBackups, readVolumes } from './backups.ts';
import type { Bucket } from './s3.ts';

export interface ReadableBackup {
  readonly facts: BackupFacts;
  /** Everything in it. */
  readonly objects: readonly BackupObject[];
  /** What a restore has to bring. */
  readonly wanted: readonly BackupObject[];
}

const DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';
export const isDefinition = ({ resource }: Pick<BackupObject, 'resource'>): boolean =>
  resource === DEFINITIONS;

/** None where there is no backup. */
export const definitionsOf = (backup: ReadableBackup | undefined): readonly BackupObject[] =>
  (backup?.objects ?? []).filter(isDefinition);

export interface BackupSearch {
  readonly chosen: ReadableBackup | undefined;
  readonly rejected: readonly Rejected[];
}

/** The newest backup that is good by policy and whose archive can be read to its end; broken ones are passed over. */
export async function findBackup(
  bucket: Bucket,
  parameters: Pick<RestoreBackupParameters, 'location' | 'clusterName' | 'cluster' | 'services' | 'writers'>,
  options: { readonly nowMs: number; readonly acceptOld: boolean },
): Promise<BackupSearch> {
  const { location, clusterName, cluster, services, writers } = parameters;
  const rules = {
    veleroNamespace: cluster.velero.namespace,
    ...(services === undefined ? {} : { services }),
  };
  const backups = await readBackups(bucket, location.schedule);
  const { good, rejected } = chooseBackups(backups, location, {
    ...options,
    target: clusterName,
    ...(writers === undefined ? {} : { writers }),
  });
  const broken: Rejected[] = [];
  for (const facts of good) {
    try {
      const objects = await readArchive(bucket, facts.name);
      const wanted = wantedObjects(objects, rules, await readVolumes(bucket, facts.name));
      return { chosen: { facts, objects, wanted }, rejected: [...broken, ...rejected] };
    } catch (error) {
      if (!(error instanceof BrokenArchiveError)) throw error;
      broken.push(rejection(facts, error.message, location.schedule));
    }
  }
  return { chosen: undefined, rejected: [...broken, ...rejected] };
}
