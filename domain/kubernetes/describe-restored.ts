import type { BackupObserved } from './decide-restore.ts';

const IN_A_SENTENCE = 5;

const cut = (names: readonly string[], of: number, most: number): string =>
  names.slice(0, most).join(', ') + (of > Math.min(most, names.length) ? ' …' : '');

type Differing = Pick<BackupObserved, 'differing' | 'firstDiffering' | 'existing'>;

/** The end of a sentence about what is there: nothing, or what of it is not as the backup has it. */
export function besidesDiffering({ differing, firstDiffering, existing }: Differing): string {
  if (differing === 0) return '';
  const how = existing === 'update' ? 'differ' : 'differ and are kept';
  return `; ${differing} ${how}: ${cut(firstDiffering, differing, IN_A_SENTENCE)}`;
}

/** What a person has to decide, or to do, about objects that are not as the backup has them. */
export function leftDiffering(
  observed: Differing & Pick<BackupObserved, 'cluster' | 'backup'>,
): readonly string[] {
  const { cluster, backup, differing, firstDiffering, existing } = observed;
  if (differing === 0) return [];
  const named = `${differing} objects of ${cluster} differ from backup ${backup?.name}`;
  const first = cut(firstDiffering, differing, firstDiffering.length);
  return [
    existing === 'update'
      ? `${named}, and siteshift could not or may not write them: ${first}; bring them up to date by hand`
      : `${named} and were kept: ${first}; where the backup is right, restoreBackup with existing: update takes it over`,
  ];
}

export function leftLacking({ cluster, missing, firstMissing }: BackupObserved): readonly string[] {
  if (missing === 0) return [];
  return [
    `${cluster} lacks ${missing} objects of the backup: ${cut(firstMissing, missing, firstMissing.length)}`,
  ];
}

/** The sentence of the outcome: what was expected to be there, and what is. */
export function describeRestored(observed: BackupObserved, ok: boolean): string {
  const { cluster, backup, wanted, missing, missingDefinitions } = observed;
  const what = `objects of backup ${backup?.name}`;
  const besides = besidesDiffering(observed);
  if (missing + missingDefinitions === 0) return `${cluster}: all ${wanted} ${what} are there${besides}`;
  const first = [...observed.firstDefinitions, ...observed.firstMissing].slice(0, IN_A_SENTENCE).join(', ');
  return ok
    ? `${cluster}: ${wanted - missing} of ${wanted} ${what} are there${besides}; left to do: ${first}`
    : `${cluster}: expected all ${wanted} ${what}, seen ${wanted - missing}; missing: ${first}; see why, then retry; forced goes on without them`;
}
