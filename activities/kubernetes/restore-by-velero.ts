import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';
import { describeMessages, realErrors } from '../../domain/kubernetes/restore-results.ts';
import { restoreTurns } from '../../domain/kubernetes/restore-turns.ts';
import type { StepInput } from '../../domain/step.ts';
import { StepFailed } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { assertStampIsOurs } from './epoch-stamp.ts';
import { findMissing } from './presence.ts';
import { runRestore, type RestoreRun } from './run-restore.ts';
import { openBucket } from './s3.ts';
import { readRestoreMessages, veleroOf } from './velero.ts';

export interface RestoredByVelero {
  readonly runs: readonly RestoreRun[];
  /** Forced: why it went on without Velero; undefined: it did not have to. */
  readonly gaveUp?: string;
}

/**
 * One Restore after the other; none where there is nothing to restore: the least that Velero does takes seconds. A
 * Velero that does not do its part fails the step; forced it does not, or there would be no way on but to skip all.
 */
export async function restoreByVelero(
  client: KubernetesClient,
  missing: readonly BackupObject[],
  options: {
    readonly input: Pick<StepInput<RestoreBackupParameters>, 'operation' | 'parameters' | 'style'>;
    readonly backup: string;
    readonly deadline: number;
    readonly tools: StepTools;
  },
): Promise<RestoredByVelero> {
  const { input, backup, deadline, tools } = options;
  const { operation, parameters, style } = input;
  const runs: RestoreRun[] = [];
  for (const { items, scope } of restoreTurns(missing, parameters.services)) {
    const bucket = await openBucket(parameters.location, tools);
    try {
      const run = await runRestore(veleroOf(client, parameters.cluster), {
        operation,
        style,
        parameters,
        backup,
        missing: items,
        scope,
        deadline,
        mayStill: () => assertStampIsOurs(client, operation),
        stillMissing: async () => (await findMissing(client, items, tools.signal)).missing,
        messagesOf: (restore) => readRestoreMessages(bucket, restore),
        tools,
      });
      runs.push(run);
    } catch (error) {
      if (style !== 'forced' || !(error instanceof StepFailed)) throw error;
      return { runs, gaveUp: error.message };
    }
  }
  return { runs };
}

export function describeRun({ restore, attempts, messages, unreadable }: RestoreRun): readonly string[] {
  const { name, phase, items, total } = restore;
  return [
    `${name}: ${phase}, ${items} of ${total} items in attempt ${attempts}`,
    ...describeMessages(messages),
    ...(unreadable === undefined ? [] : [unreadable]),
  ];
}

/** What was refused, in Velero's words. */
export const describeErrors = (runs: readonly RestoreRun[], most: number): readonly string[] =>
  runs
    .flatMap(({ messages }) => realErrors(messages))
    .slice(0, most)
    .map(({ where, text }) => `restore, ${where}: ${text.slice(0, 300)}`);
