import { StepFailed, StepRefused } from '../define-step.ts';
import type { Operation } from '../../domain/operation.ts';
import type { Style } from '../../domain/step.ts';
import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';
import {
  operationHash,
  operationLabel,
  restoreName,
  restoreSpec,
  restoreState,
  type BackupItem,
  type RestoreScope,
} from '../../domain/kubernetes/restore-plan.ts';
import { waitsForVelero } from '../../domain/kubernetes/decide-restore.ts';
import { wasInterrupted } from '../../domain/kubernetes/restore-results.ts';
import { withoutVelero } from '../../domain/kubernetes/stalled-restore.ts';
import type { StepTools } from '../tools.ts';
import { followRestore } from './follow-restore.ts';
import type { RestoreMessages, RestoreRecord, Velero } from './velero.ts';

const EVERY_MS = 500;
/** Velero looks into the bucket once a minute, and may lose one of its ticks after a start. */
const VELERO_READY_MS = 180_000;
/** Forced: what an earlier attempt has waited for already gets this much more; a Velero that runs begins in seconds. */
const FORCED_STUCK_MS = 60_000;

export interface RestoreOptions {
  readonly operation: Operation;
  readonly style: Style;
  readonly parameters: RestoreBackupParameters;
  readonly backup: string;
  readonly missing: readonly BackupItem[];
  readonly scope: RestoreScope;
  /** When the step's time for Velero is over, whatever it is at. */
  readonly deadline: number;
  /** Throws where another operation has taken the cluster over: asked before a Restore is made. */
  readonly mayStill: () => Promise<void>;
  readonly stillMissing: () => Promise<readonly BackupItem[]>;
  readonly messagesOf: (restore: string) => Promise<RestoreMessages>;
  readonly tools: StepTools;
}

export interface RestoreRun extends RestoreMessages {
  readonly restore: RestoreRecord;
  readonly attempts: number;
}

/**
 * Has Velero restore a backup: one Restore at a time, under a name that a repeated step finds again. A Restore that
 * Velero gave up (its server died in the middle), or during which the API server was away, is followed by a new
 * attempt, which only has the rest to do. Those that ended before this call do not count: a person who retries the step
 * gets all attempts again.
 */
export async function runRestore(velero: Velero, options: RestoreOptions): Promise<RestoreRun> {
  const { operation, style, parameters, backup, deadline, tools } = options;
  const { clusterName, attempts, stuckMs } = parameters;
  const labels = { [operationLabel]: operationHash(operation) };
  const reasons: string[] = [];
  let { missing } = options;
  for (let number = 1, made = 0; made < attempts; number += 1) {
    const name = restoreName(operation, { cluster: clusterName, backup }, number);
    const before = await velero.restore(name);
    assertOurs(before, backup, labels);
    // One that ended before did not bring back what is missing now: it needs another one, as after a failure.
    if (before !== undefined && isOver(before)) {
      reasons.push(`${name}: ${before.phase}: ${before.reason || 'no reason given'}`);
      continue;
    }
    made += 1;
    if (before === undefined) await create(velero, { name, labels, missing }, options);
    const isOld = style === 'forced' && before !== undefined;
    const patienceMs = isOld ? Math.min(stuckMs, FORCED_STUCK_MS) : stuckMs;
    const followed = { cluster: clusterName, style, missing, deadline, stuckMs: patienceMs, tools };
    const restore = await followRestore(velero, name, followed);
    if (restoreState(restore.phase) === 'ended') {
      await tools.reached('restoreBackup:results:before');
      const told = await options.messagesOf(name);
      // Nothing went wrong: whether all is there is for the step to verify.
      if (restore.phase === 'Completed') return { restore, attempts: number, ...told };
      missing = await options.stillMissing();
      // Nothing even begun: an API server that starts knows no roles yet, and calls Velero forbidden.
      const didNothing = restore.total === 0;
      const mayHelp = didNothing || told.unreadable !== undefined || wasInterrupted(told.messages);
      if (missing.length === 0 || made === attempts || !mayHelp)
        return { restore, attempts: number, ...told };
    }
    reasons.push(`${name}: ${restore.phase}: ${restore.reason || 'no reason given'}`);
    tools.log.warn({ restore: name, phase: restore.phase }, 'a new attempt restores the rest');
  }
  throw new StepFailed(
    `${clusterName}: Velero did not end a restore of ${backup} in ${attempts} attempts: ${reasons.join('; ')}; see why, ${withoutVelero(style, missing)}`,
    { backup, attempts: reasons },
  );
}

const isOver = ({ phase }: RestoreRecord): boolean => ['again', 'ended'].includes(restoreState(phase));

/** Not before Velero can do it: it refuses at once, for good, what it cannot find at that moment. */
async function create(
  velero: Velero,
  restore: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly missing: readonly BackupItem[];
  },
  options: RestoreOptions,
): Promise<void> {
  const { name, labels, missing } = restore;
  const { parameters, backup, scope, tools } = options;
  await untilVeleroIsReady(velero, { ...options, missing });
  await options.mayStill();
  await tools.reached('restoreBackup:create:before');
  const spec = restoreSpec({
    backup,
    missing,
    scope,
    veleroNamespace: parameters.cluster.velero.namespace,
  });
  await velero.createRestore(name, labels, spec);
  await tools.reached('restoreBackup:create:after');
  assertOurs(await velero.restore(name), backup, labels);
}

async function untilVeleroIsReady(velero: Velero, options: RestoreOptions): Promise<void> {
  const { backup, style, missing, deadline, tools } = options;
  const { clusterName: cluster } = options.parameters;
  const readyBy = Math.min(deadline, tools.now() + VELERO_READY_MS);
  for (;;) {
    const [location, isSynced] = await Promise.all([velero.location(), velero.knowsBackup(backup)]);
    const waits = waitsForVelero({ cluster, backup, location, isSynced });
    const now = tools.now();
    if (waits.length === 0 && now < deadline) return;
    if (now >= readyBy) {
      const why =
        waits.length === 0
          ? 'the time-out has passed before Velero was asked for the rest'
          : `waited in vain for ${waits.join(' and ')}: is Velero running there? See to it`;
      throw new StepFailed(`${cluster}: ${why}, ${withoutVelero(style, missing)}`, {
        backup,
        waits: [...waits],
      });
    }
    tools.heartbeat([...waits]);
    await tools.sleep(EVERY_MS);
  }
}

/** A Restore of our name that is not of our run would make us report somebody else's work as ours. */
function assertOurs(
  found: RestoreRecord | undefined,
  backup: string,
  labels: Readonly<Record<string, string>>,
): void {
  if (found === undefined) return;
  const isOurs = found.labels[operationLabel] === labels[operationLabel] && found.backup === backup;
  if (isOurs) return;
  const seen = `backup ${found.backup}, operation ${found.labels[operationLabel] ?? 'none'}`;
  throw new StepRefused([
    `restore ${found.name} is not of this run: expected backup ${backup}, seen ${seen}`,
  ]);
}
