import { judgeStamp } from '../operation.ts';
import type { Decision, StepInput } from '../step.ts';
import type { RestoreBackupParameters } from './parameters.ts';

/** What restoreBackup saw; lists are cut to what a person reads, counts are not. */
export type BackupObserved = {
  readonly cluster: string;
  readonly stamp: { readonly epoch: number; readonly operation: string } | null;
  readonly location: { readonly phase: string; readonly message: string; readonly lastSyncedAt: string };
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
  /** Resources that the cluster does not serve; their definitions are installed from the backup first. */
  readonly unknownResources: readonly string[];
  /** Precheck: why nothing can be written below `restores/` with our credentials; empty: it can. */
  readonly cannotWrite: string;
};

export function decideRestore(
  observed: BackupObserved,
  input: Pick<StepInput<RestoreBackupParameters>, 'operation' | 'mode'>,
): Decision {
  const { operation, mode } = input;
  const { cluster, backup, location, missing, wanted } = observed;
  const verdict =
    operation.epoch > 0 ? judgeStamp(observed.stamp ?? undefined, operation.epoch, operation.id) : undefined;
  if (verdict?.kind === 'stale') return { kind: 'refuse', reasons: [`${cluster}: ${verdict.reason}`] };
  if (backup === null) {
    const seen = observed.rejected.length === 0 ? ['there is no backup at all'] : observed.rejected;
    return { kind: 'refuse', reasons: [`${cluster}: no backup is good enough to restore`, ...seen] };
  }
  const named = `${backup.name} (${(backup.ageMs / 3_600_000).toFixed(1)} h old)`;
  if (missing === 0) {
    return { kind: 'already', because: `${cluster}: all ${wanted} objects of backup ${named} are there` };
  }
  // What we bring back by ourselves does not wait for Velero; `apply` waits for it before its turn comes.
  const waits = waitsForVelero({ cluster, backup: backup.name, location, isSynced: observed.isSynced });
  const isVelerosAlone = observed.missingForVelero === missing;
  const mustWait = mode === 'precheck' ? observed.missingForVelero > 0 : isVelerosAlone;
  if (waits.length > 0 && mustWait) return { kind: 'wait', for: waits };
  const kinds = Object.entries(observed.missingByResource)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([resource, count]) => `${count} ${resource}`);
  const verb = mode === 'precheck' ? 'would restore' : 'restore';
  return {
    kind: 'apply',
    will: [
      `${cluster}: ${verb} ${missing} of ${wanted} objects from ${named}: ${kinds.join(', ')}`,
      ...(observed.unknownResources.length === 0
        ? []
        : [
            `install the definitions of ${observed.unknownResources.join(', ')} first: minutes that readiness could have saved`,
          ]),
      ...(observed.cannotWrite === '' || observed.missingForVelero === 0
        ? []
        : [`Velero would call it failed if its credentials are as ours: ${observed.cannotWrite}`]),
    ],
  };
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
