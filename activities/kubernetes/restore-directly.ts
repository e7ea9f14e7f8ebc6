import { usualPatience } from '../../domain/kubernetes/answers.ts';
import { contentDigest } from '../../domain/kubernetes/marks.ts';
import { inStages } from '../../domain/kubernetes/stages.ts';
import { stripped } from '../../domain/kubernetes/strip.ts';
import type { Operation } from '../../domain/operation.ts';
import type { StepTools } from '../tools.ts';
import { applyStage, type ApplyFailure } from './apply-stage.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { assertStampIsOurs } from './epoch-stamp.ts';

const CHUNK = 200;

export interface DirectRestore {
  readonly applied: number;
  readonly failures: readonly ApplyFailure[];
}

/**
 * Applies plain objects that are missing as the backup holds them, stage by stage, with many in flight. Whatever the
 * server does not take from us stays missing, and Velero has its turn at it.
 */
export async function restoreDirectly(
  client: KubernetesClient,
  plain: readonly BackupObject[],
  { operation, tools }: { readonly operation: Operation; readonly tools: StepTools },
): Promise<DirectRestore> {
  const objects = plain.map(({ object }) => stripped(object));
  let applied = 0;
  const failures: ApplyFailure[] = [];
  for (const { stage, objects: members } of inStages(objects)) {
    await tools.reached(`restoreBackup:direct:${stage}`);
    const manifests = members.map((object) => ({
      object,
      digest: contentDigest(object),
      version: { epoch: 0, sequence: 0 }, // the store's newest manifest is newer than any backup
    }));
    const result = await applyStage(client, manifests, {
      stamp: { epoch: operation.epoch, operation: operation.id },
      force: false,
      patience: { ...usualPatience, doubtfulMs: 0 }, // what our identity may not write is Velero's, at once
      chunk: CHUNK,
      afterChunk: async (written) => {
        tools.heartbeat({ stage, written, of: members.length });
        await assertStampIsOurs(client, operation);
      },
      signal: tools.signal,
    });
    applied += result.created + result.updated;
    failures.push(...result.failures);
  }
  return { applied, failures };
}
