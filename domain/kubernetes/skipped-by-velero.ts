import { mapping, textOf, type KubernetesObject } from './object.ts';
import type { BackupItem } from './restore-plan.ts';

/** How a backup kept the data of its volumes, by the volume's name, in Velero's words; no entry: not at all. */
export type VolumeMethods = ReadonlyMap<string, string>;

interface Restorable extends BackupItem {
  readonly object: KubernetesObject;
}

/**
 * Tells what Velero leaves out of a restore on purpose, or brings back under another name: nobody may wait for it.
 * Whatever follows from Velero's rules alone stands here, as 1.18 has them.
 */
export function velerosExceptions(
  objects: readonly Restorable[],
  volumes: VolumeMethods,
): (item: Restorable) => boolean {
  const accounts = new Set(
    objects
      .filter(({ resource }) => resource === 'serviceaccounts')
      .map(({ namespace, name }) => `${namespace}/${name}`),
  );
  return (item) => {
    switch (item.resource) {
      case 'jobs.batch':
        return textOf(mapping(item.object['status'])['completionTime']) !== '';
      case 'persistentvolumes':
        return isProvisionedAnew(item, volumes.get(item.name));
      case 'secrets':
        return isTokenOfAccount(item, accounts);
      case 'volumesnapshots.snapshot.storage.k8s.io':
      case 'volumesnapshotcontents.snapshot.storage.k8s.io':
        return true; // each restore makes new names for them
      default:
        return false;
    }
  };
}

/** A claim whose volume is not restored gets another one from its storage class. */
function isProvisionedAnew({ object }: Restorable, method: string | undefined): boolean {
  if (method === 'PodVolumeBackup' || method === 'CSISnapshot') return true;
  return method !== 'NativeSnapshot' && mapping(object['spec'])['persistentVolumeReclaimPolicy'] === 'Delete';
}

/** Those that old servers made for each account, by their name. */
function isTokenOfAccount({ namespace, name, object }: Restorable, accounts: ReadonlySet<string>): boolean {
  if (object['type'] !== 'kubernetes.io/service-account-token') return false;
  const account = /^(.+)-token-/.exec(name)?.[1] ?? '';
  return account === 'default' || accounts.has(`${namespace}/${account}`);
}
