import type { BackupLocation } from '../schema/kubernetes.ts';
import { takesNamespace, type BackupFilters } from './velero-filters.ts';

/** A Velero backup as its metadata in the bucket describes it. Times are ms since 1970. */
export interface BackupFacts {
  readonly name: string;
  readonly phase: string;
  /** Why its metadata says nothing; the other facts are then worth nothing. */
  readonly unreadable?: string;
  /** 0: not known. */
  readonly startedAt: number;
  readonly items: number;
  readonly errors: number;
  readonly warnings: number;
  readonly schedule: string;
  /** Cluster of the inventory that wrote it (label siteshift.dev/cluster of the Schedule); empty: not labelled. */
  readonly cluster: string;
  readonly expiresAt?: number;
  readonly filters: BackupFilters;
  /** Whether its archive lies beside its metadata. */
  readonly hasArchive: boolean;
}

export const clusterLabel = 'siteshift.dev/cluster';

/** As Velero names the backups of a schedule. */
const dated = /^(.+)-(\d{14})$/;
/** More than this of a sort are not looked at: each costs two requests, and the newest are what matters. */
const MOST = 100;

/**
 * Whose metadata to read, from the names alone: the newest of the schedule, of those that a person named, and of other
 * schedules, whose hundreds must not hide the first. Which one is the newest, the metadata says.
 */
export function namesToRead(names: readonly string[], schedule: string): readonly string[] {
  const sorts = Map.groupBy(names, (name) => {
    const [, of] = dated.exec(name) ?? [];
    return of === undefined ? 'named' : of === schedule ? 'own' : 'others';
  });
  const date = (name: string): string => dated.exec(name)?.[2] ?? name;
  return (['own', 'named', 'others'] as const).flatMap((sort) =>
    (sorts.get(sort) ?? []).toSorted((a, b) => (date(a) < date(b) ? 1 : -1)).slice(0, MOST),
  );
}

export interface Rejected {
  readonly name: string;
  readonly because: string;
  readonly startedAt: number;
  /** Of another schedule, so that nobody expected anything of it. */
  readonly isForeign: boolean;
}

export interface BackupChoice {
  /** Good ones, newest first. */
  readonly good: readonly BackupFacts[];
  readonly rejected: readonly Rejected[];
}

type Policy = Pick<
  BackupLocation,
  'schedule' | 'from' | 'maximumAgeMs' | 'minimumItems' | 'includedNamespaces'
>;

interface ChoiceOptions {
  readonly nowMs: number;
  readonly target: string;
  readonly acceptOld: boolean;
  readonly writers?: readonly string[];
}

/**
 * Which backups may be restored. The age counts from the start of a backup: what was changed while it ran may or may
 * not be in it.
 * @param options.acceptOld a person has accepted whatever age there is
 * @param options.writers clusters whose backups count; instead of the location's `from`
 */
export function chooseBackups(
  backups: readonly BackupFacts[],
  policy: Policy,
  options: ChoiceOptions,
): BackupChoice {
  const newestFirst = backups.toSorted((a, b) => b.startedAt - a.startedAt);
  const good: BackupFacts[] = [];
  const rejected: Rejected[] = [];
  for (const backup of newestFirst) {
    const because = problemOf(backup, policy, options);
    if (because === undefined) good.push(backup);
    else rejected.push(rejection(backup, because, policy.schedule));
  }
  return { good, rejected };
}

export const rejection = (
  { name, startedAt, schedule, unreadable }: BackupFacts,
  because: string,
  expected: string,
): Rejected => ({
  name,
  because,
  startedAt,
  isForeign: unreadable === undefined && schedule !== expected,
});

function problemOf(backup: BackupFacts, policy: Policy, options: ChoiceOptions): string | undefined {
  const { nowMs, acceptOld } = options;
  if (backup.unreadable !== undefined) return `its metadata cannot be read: ${backup.unreadable}`;
  if (backup.schedule !== policy.schedule)
    return `is of schedule ${backup.schedule || 'none'}, expected ${policy.schedule}`;
  if (backup.phase !== 'Completed') return `its phase is ${backup.phase || 'unknown'}, expected Completed`;
  if (!backup.hasArchive) return 'its archive is missing in the bucket';
  const stranger = writerProblem(backup.cluster, policy.from, options);
  if (stranger !== undefined) return stranger;
  if (backup.items < policy.minimumItems)
    return `it has ${backup.items} items, expected at least ${policy.minimumItems}`;
  if (backup.expiresAt !== undefined && backup.expiresAt <= nowMs)
    return `it expired at ${iso(backup.expiresAt)}`;
  const lacking = policy.includedNamespaces.filter((namespace) => !takesNamespace(backup.filters, namespace));
  if (lacking.length > 0) return `it lacks the namespaces ${lacking.join(', ')}`;
  const ageMs = nowMs - backup.startedAt;
  if (ageMs > policy.maximumAgeMs && !acceptOld) {
    return `it is ${hours(ageMs)} old (started ${iso(backup.startedAt)}), accepted are ${hours(policy.maximumAgeMs)}`;
  }
  return undefined;
}

/** What a cluster backed up before it was lost is older than what has been running elsewhere since. */
function writerProblem(
  cluster: string,
  from: string | undefined,
  { target, writers }: ChoiceOptions,
): string | undefined {
  const accepted = writers ?? (from === undefined ? undefined : [from]);
  if (cluster === target && writers?.includes(target) !== true)
    return `${target} wrote it itself: not what another cluster has been running`;
  if (accepted === undefined || cluster === '' || accepted.includes(cluster)) return undefined;
  return `${cluster} wrote it, expected ${accepted.join(' or ')}`;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const hours = (ms: number): string => `${(ms / 3_600_000).toFixed(1)} h`;
