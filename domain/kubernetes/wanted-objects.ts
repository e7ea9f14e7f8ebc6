import type { CapturedServices } from '../schema/kubernetes.ts';
import type { KubernetesObject } from './object.ts';
import { isRestored, type BackupItem } from './restore-plan.ts';
import { serviceRule } from './services.ts';
import { velerosExceptions, type VolumeMethods } from './skipped-by-velero.ts';

/** What decides who brings an object back: the backup, the manifest store, or a controller. */
export interface RestoreRules {
  readonly veleroNamespace: string;
  /** What the manifest store holds; without it everything comes out of the backup. */
  readonly services?: CapturedServices;
}

/** What of a backup a restore has to bring. */
export function wantedObjects<Item extends BackupItem & { readonly object: KubernetesObject }>(
  objects: readonly Item[],
  { veleroNamespace, services }: RestoreRules,
  volumes: VolumeMethods,
): readonly Item[] {
  const isException = velerosExceptions(objects, volumes);
  const isOfServices = services === undefined ? () => false : serviceRule(services);
  return objects.filter(
    (item) =>
      isRestored(item, veleroNamespace) &&
      item.isShifted !== true && // shiftMesh makes it where it is wanted, and must find what was there before
      !isMadeByKnative(item.object) &&
      !isOfServices(item.object) &&
      !isException(item),
  );
}

/** A child that came back without its owner is in the way of the one that Knative makes for the restored service. */
export const isMadeByKnative = ({ metadata }: KubernetesObject): boolean =>
  (metadata.ownerReferences ?? []).some(({ apiVersion = '' }) => /\.knative\.dev\//.test(apiVersion));
