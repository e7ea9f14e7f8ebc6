import { StepFailed, StepRefused } from '../define-step.ts';
import type { Operation } from '../../domain/operation.ts';
import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';
import {
  operationHash,
  operationLabel,
  restoreName,
  restoreSpec,
  restoreState,
  type BackupItem,
} from '../../domain/kubernetes/restore-plan.ts';
import type { StepTools } from '../tools.ts';
import type { RestoreRecord, Velero } from './velero.ts';

const EVERY_MS = 1_000;

/**
 * Has Velero restore a backup: one Restore at a time, under a name that a repeated step finds again. A Restore that
 * Velero gave up (its server died in the middle) is followed by a new attempt, which only has the rest to do.
 */
export async function runRestore(
  velero: Velero,
  options: {
    readonly operation: Operation;
    readonly parameters: RestoreBackupParameters;
    readonly backup: string;
    readonly missing: readonly BackupItem[];
    readonly tools: StepTools;
  },
): Promise<{ readonly restore: RestoreRecord; readonly attempts: number }> {
  const { operation, parameters, backup, missing, tools } = options;
  const deadline = tools.now() + parameters.timeoutMs;
  const labels = { [operationLabel]: operationHash(operation) };
  const reasons: string[] = [];
  for (let attempt = 1; attempt <= parameters.attempts; attempt += 1) {
    const name = restoreName(operation, { cluster: parameters.clusterName, backup }, attempt);
    const before = await velero.restore(name);
    assertOurs(before, backup, labels);
    // One that ended before did not bring back what is missing now: it needs another one, as after a failure.
    const isOver = before !== undefined && ['again', 'ended'].includes(restoreState(before.phase));
    if (isOver) {
      reasons.push(`${name}: ${before.phase}: ${before.reason || 'no reason given'}`);
      continue;
    }
    if (before === undefined) {
      await tools.reached('restoreBackup:create:before');
      await velero.createRestore(
        name,
        labels,
        restoreSpec({ backup, missing, selector: parameters.serviceSelector }),
      );
      await tools.reached('restoreBackup:create:after');
      assertOurs(await velero.restore(name), backup, labels);
    }
    const ended = await follow(velero, name, { deadline, stuckMs: parameters.stuckMs, tools });
    if (restoreState(ended.phase) === 'ended') return { restore: ended, attempts: attempt };
    reasons.push(`${name}: ${ended.phase}: ${ended.reason || 'no reason given'}`);
    tools.log.warn({ restore: name, attempt }, 'Velero gave a restore up; a new attempt restores the rest');
  }
  const { clusterName, attempts } = parameters;
  throw new StepFailed(
    `${clusterName}: Velero did not end a restore of ${backup} in ${attempts} attempts: ${reasons.join('; ')}`,
    { backup, attempts: reasons },
  );
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

async function follow(
  velero: Velero,
  name: string,
  options: { readonly deadline: number; readonly stuckMs: number; readonly tools: StepTools },
): Promise<RestoreRecord> {
  const { deadline, stuckMs, tools } = options;
  let progress = '';
  let movedAt = tools.now();
  for (;;) {
    const seen = await velero.restore(name);
    if (seen === undefined)
      throw new StepFailed(`restore ${name} was deleted while it ran`, { restore: name });
    const state = restoreState(seen.phase);
    if (state === 'ended' || state === 'again') return seen;
    const now = `${seen.phase} ${seen.items}/${seen.total}`;
    if (now !== progress) movedAt = tools.now();
    progress = now;
    const stillMs = tools.now() - movedAt;
    const isStuck = stillMs > stuckMs;
    tools.heartbeat({ restore: name, phase: seen.phase, items: seen.items, of: seen.total, isStuck });
    if (tools.now() > deadline || isStuck) {
      const why = isStuck ? `no progress for ${Math.round(stillMs / 1_000)} s` : 'the time-out has passed';
      const advice = 'is Velero running? Restart it (it then gives this restore up) and retry the step';
      throw new StepFailed(`restore ${name} is ${now} and ${why}: ${advice}`, {
        restore: name,
        progress: now,
      });
    }
    await tools.reached('restoreBackup:running');
    await tools.sleep(EVERY_MS);
  }
}
