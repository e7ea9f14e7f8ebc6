import { judgeStamp } from '../operation.ts';
import type { Decision, StepInput } from '../step.ts';
import { besidesDiffering, leftDiffering } from './describe-restored.ts';
import type { RestoreBackupParameters } from './parameters.ts';
import { describeSilence, SILENT_MS } from './stalled-restore.ts';

/** What restoreBackup saw; lists are cut to what a person reads, counts are not. */
export type BackupObserved = {
  readonly cluster: string;
  readonly stamp: { readonly epoch: number; readonly operation: string } | null;
  readonly location: { readonly phase: string; readonly message: string; readonly lastSyncedAt: string };
  /** ms since Velero wrote about that location; null: it never did. Its phase stays when Velero ends. */
  readonly veleroSilentMs: number | null;
  /** The newest backup that is good by policy and can be read from end to end. */
  readonly backup: {
    readonly name: string;
    readonly startedAt: number;
    readonly ageMs: number;
    readonly cluster: string;
    readonly items: number;
  } | null;
  readonly rejected: readonly string[];
  readonly isSynced: boolean;
  /** Objects of the backup that the cluster needs, without what is never restored and what the store owns. */
  readonly wanted: number;
  readonly missing: number;
  /** Of the missing ones those that only Velero can bring back; all of them when the step may not do it by itself. */
  readonly missingForVelero: number;
  readonly firstMissing: readonly string[];
  readonly missingByResource: { readonly [resource: string]: number };
  /** What the step does with objects that are there and differ from the backup. */
  readonly existing: 'keep' | 'update';
  readonly differing: number;
  readonly firstDiffering: readonly string[];
  /** Of the differing ones those that we bring up to date: none with `keep`, and none that is not ours to write. */
  readonly toUpdate: number;
  /** Definitions of the backup that the cluster lacks, with or without objects of theirs; we install them first. */
  readonly missingDefinitions: number;
  readonly firstDefinitions: readonly string[];
  /** Resources that the cluster does not serve, nor will once those definitions are installed. */
  readonly unknownResources: readonly string[];
  /** Precheck: why nothing can be written below `restores/` with our credentials; empty: it can. */
  readonly cannotWrite: string;
  /** What a person has to see to besides, once everything is there: webhook configurations, the Schedule, and the like. */
  readonly left: readonly string[];
};

export function decideRestore(
  observed: BackupObserved,
  input: Pick<StepInput<RestoreBackupParameters>, 'operation' | 'mode' | 'style'>,
): Decision {
  const { operation, mode, style } = input;
  const { cluster, backup, location, missing, wanted, missingDefinitions } = observed;
  const verdict =
    operation.epoch > 0 ? judgeStamp(observed.stamp ?? undefined, operation.epoch, operation.id) : undefined;
  if (verdict?.kind === 'stale') return { kind: 'refuse', reasons: [`${cluster}: ${verdict.reason}`] };
  if (backup === null) {
    const seen = observed.rejected.length === 0 ? ['there is no backup at all'] : observed.rejected;
    return { kind: 'refuse', reasons: [`${cluster}: no backup is good enough to restore`, ...seen] };
  }
  const named = `${backup.name} (${(backup.ageMs / 3_600_000).toFixed(1)} h old)`;
  if (missing === 0 && missingDefinitions === 0 && observed.toUpdate === 0) {
    const because = `${cluster}: all ${wanted} objects of backup ${named} are there${besidesDiffering(observed)}`;
    const leftToDo = [...leftDiffering(observed), ...observed.left];
    return { kind: 'already', because, ...(leftToDo.length === 0 ? {} : { leftToDo }) };
  }
  // What we bring back by ourselves does not wait for Velero; `apply` waits for it before its turn comes, and knows how
  // to go on without it when it is forced.
  const waits = waitsForVelero({ cluster, backup: backup.name, location, isSynced: observed.isSynced });
  const isForVelero = observed.missingForVelero > 0;
  const isVelerosAlone =
    isForVelero &&
    observed.missingForVelero === missing &&
    missingDefinitions + observed.toUpdate === 0 &&
    style === 'graceful';
  const mustWait = mode === 'precheck' ? isForVelero : isVelerosAlone;
  if (waits.length > 0 && mustWait) return { kind: 'wait', for: waits };
  const verb = mode === 'precheck' ? 'would restore' : 'restore';
  return {
    kind: 'apply',
    will: [
      `${cluster}: ${verb} ${missing} of ${wanted} objects from ${named}${kindsOf(observed)}`,
      ...aboutDefinitions(observed),
      ...aboutDiffering(observed),
      ...(isForVelero && (observed.veleroSilentMs ?? Infinity) > SILENT_MS
        ? [
            `is Velero running on ${cluster}? ${describeSilence(observed.veleroSilentMs ?? undefined)}; ${observed.missingForVelero} objects wait for it`,
          ]
        : []),
      ...(observed.cannotWrite === '' || !isForVelero
        ? []
        : [`Velero would call it failed if its credentials are as ours: ${observed.cannotWrite}`]),
    ],
  };
}

/** The most frequent ones. */
function kindsOf({ missingByResource }: BackupObserved): string {
  const kinds = Object.entries(missingByResource)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([resource, count]) => `${count} ${resource}`);
  return kinds.length === 0 ? '' : `: ${kinds.join(', ')}`;
}

function aboutDefinitions(observed: BackupObserved): readonly string[] {
  const { cluster, missingDefinitions, firstDefinitions, unknownResources } = observed;
  const first = firstDefinitions.slice(0, 5).join(', ');
  return [
    ...(missingDefinitions === 0
      ? []
      : [
          `install ${missingDefinitions} definitions first (${first}): minutes that readiness could have saved`,
        ]),
    ...(unknownResources.length === 0
      ? []
      : [
          `${cluster} does not serve ${unknownResources.join(', ')}, and the backup has no definition of them`,
        ]),
  ];
}

function aboutDiffering(observed: BackupObserved): readonly string[] {
  const { differing, toUpdate, firstDiffering } = observed;
  if (differing === 0) return [];
  const first = firstDiffering.slice(0, 5).join(', ') + (differing > 5 ? ' …' : '');
  const kept = differing - toUpdate;
  return [
    `${differing} that are there differ from the backup: update ${toUpdate}, leave ${kept} as they are: ${first}`,
  ];
}

/** What Velero still lacks before it can restore a backup; empty when it can. */
export function waitsForVelero(seen: {
  readonly cluster: string;
  readonly backup: string;
  readonly location: BackupObserved['location'];
  readonly isSynced: boolean;
}): readonly string[] {
  const { cluster, backup, location, isSynced } = seen;
  const { phase, message } = location;
  return [
    ...(phase === 'Available'
      ? []
      : [`the backup location of ${cluster}: expected Available, seen ${phase} ${message}`.trim()]),
    ...(isSynced ? [] : [`Velero on ${cluster} to find ${backup} in the bucket (it looks once a minute)`]),
  ];
}
