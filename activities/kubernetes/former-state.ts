import { judgeStamp } from '../../domain/operation.ts';
import {
  formerIn,
  formerName,
  formerRecord,
  stampOfFormer,
  type FormerOwner,
} from '../../domain/kubernetes/former-state.ts';
import type { Json } from '../../domain/json.ts';
import { StepRefused } from '../define-step.ts';
import type { KubernetesClient } from './client.ts';
import { readOwn, writeOwn } from './own-config-map.ts';

// An outcome that carries the snapshot is lost with the worker that was about to report it, and whoever looks again sees
// what was changed already. So the state before the change is kept in the cluster itself, before the change.

/** What this operation's step kept; undefined: it has changed nothing yet. */
export async function readFormer(client: KubernetesClient, owner: FormerOwner): Promise<Json | undefined> {
  return formerIn((await readOwn(client, formerName(owner)))?.data, owner);
}

/**
 * Keeps the state before the first change of this operation's step.
 * @returns what an earlier attempt kept, otherwise `state`
 * @throws StepRefused when a later operation has been at it
 */
export async function keepFormer(client: KubernetesClient, owner: FormerOwner, state: Json): Promise<Json> {
  const { operation } = owner;
  for (;;) {
    const found = await readOwn(client, formerName(owner));
    const kept = formerIn(found?.data, owner);
    if (kept !== undefined) return kept;
    const verdict = judgeStamp(stampOfFormer(found?.data), operation.epoch, operation.id);
    if (verdict.kind === 'stale') throw new StepRefused([`${client.name}: ${verdict.reason}`]);
    if (await writeOwn(client, formerName(owner), formerRecord(owner, state), found)) return state;
  }
}
