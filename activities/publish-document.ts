import { judgeStamp } from '../domain/operation.ts';
import type { DatasourceDocument } from '../domain/datasource.ts';
import { StepFailed, StepRefused } from './define-step.ts';
import { digestOf, heldDocument, readHeld, textOf, type PushTarget } from './push-targets.ts';
import type { StepTools } from './tools.ts';

/** Conflicts come from other writers of the same key; there is no reason for a hundred of them. */
const maxConflicts = 100;

/**
 * Writes the document under compare-and-set, over whatever older one is there, and keeps trying while the center does
 * not answer. Finds its own document and leaves it.
 * @throws StepRefused when the key holds a higher epoch, a twin or something foreign
 * @throws StepFailed when the center did not answer until the deadline
 */
export async function publishDocument(
  target: PushTarget,
  document: DatasourceDocument,
  deadline: number,
  tools: StepTools,
): Promise<void> {
  let conflicts = 0;
  for (;;) {
    try {
      if (await tryPublish(target, document)) return;
      conflicts += 1;
      if (conflicts > maxConflicts) {
        throw new StepRefused([
          `${target.center}: ${target.at.key} was overwritten by others ${conflicts} times in a row`,
        ]);
      }
      await tools.sleep(5 + Math.random() * 20);
    } catch (error) {
      if (error instanceof StepRefused) throw error;
      tools.signal.throwIfAborted();
      if (tools.now() >= deadline) throw notAnswering(target, document, error);
      tools.heartbeat({ waitsFor: `config center ${target.center}`, because: textOf(error) });
      tools.log.warn(
        { center: target.center, error: textOf(error) },
        'config center does not take the document yet',
      );
      await tools.sleep(250);
    }
  }
}

/**
 * Compares with what was seen last, by this step: reading it anew would only cost time, since a change in between is a
 * conflict. After anything but a success it is read.
 * @returns false when somebody else wrote in between
 */
async function tryPublish(target: PushTarget, document: DatasourceDocument): Promise<boolean> {
  const { held } = target.known ?? { held: await readHeld(target, document.datasource) };
  target.known = undefined;
  if (held !== undefined) {
    if ('foreign' in held) throw new StepRefused([`${target.center}: ${held.foreign}`]);
    const verdict = judgeStamp(held, document.epoch, document.operation);
    if (verdict.kind === 'stale') {
      throw new StepRefused([`${target.center}: ${target.at.key}: ${verdict.reason}`]);
    }
    if (verdict.kind === 'ours') {
      if (held.digest !== digestOf(document)) {
        const where = `${target.center}: ${target.at.key}`;
        throw new StepRefused([
          `${where}: epoch ${document.epoch} was published by this operation before, naming ${held.primary} instead of ${document.primary}`,
        ]);
      }
      // The formal edition is never replaced by a canary's; a canary edition for others is.
      if (!held.isCanary || isForTheSame(held, document)) return true;
    }
  }
  const result = await target.driver.publish(target.at, JSON.stringify(document), held?.token);
  if (result.kind === 'conflict') return false;
  target.known = { held: heldDocument(document, result.token) };
  return true;
}

const isForTheSame = (
  { document: held }: { readonly document?: DatasourceDocument },
  { canary }: DatasourceDocument,
): boolean => canary !== undefined && held?.canary?.join() === canary.join();

const notAnswering = (target: PushTarget, document: DatasourceDocument, error: unknown): StepFailed =>
  new StepFailed(
    `${document.datasource}: waits for config center ${target.center} (${target.driver.where}), which does not take epoch ${document.epoch}: ${textOf(error)}`,
    { center: target.center, key: target.at.key, epoch: document.epoch },
    { cause: error },
  );
