import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';
import { describeMessages, realErrors } from '../../domain/kubernetes/restore-results.ts';
import { restoreTurns } from '../../domain/kubernetes/restore-turns.ts';
import type { StepInput } from '../../domain/step.ts';
import type { StepTools } from '../tools.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { findMissing } from './presence.ts';
import { runRestore, type RestoreRun } from './run-restore.ts';
import { openBucket } from './s3.ts';
import { readRestoreMessages, veleroOf } from './velero.ts';

/** One Restore after the other; none where there is nothing to restore: the least that Velero does takes seconds. */
export async function restoreByVelero(
  client: KubernetesClient,
  missing: readonly BackupObject[],
  options: {
    readonly input: Pick<StepInput<RestoreBackupParameters>, 'operation' | 'parameters'>;
    readonly backup: string;
    readonly tools: StepTools;
  },
): Promise<readonly RestoreRun[]> {
  const { input, backup, tools } = options;
  const { operation, parameters } = input;
  const runs: RestoreRun[] = [];
  for (const { items, scope } of restoreTurns(missing, parameters.services)) {
    const bucket = await openBucket(parameters.location, tools);
    const run = await runRestore(veleroOf(client, parameters.cluster), {
      operation,
      parameters,
      backup,
      missing: items,
      scope,
      stillMissing: async () => (await findMissing(client, items, tools.signal)).missing,
      messagesOf: (restore) => readRestoreMessages(bucket, restore),
      tools,
    });
    runs.push(run);
  }
  return runs;
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
