import { judgeStamp, type Operation, type Stamp } from '../../domain/operation.ts';
import { StepRefused } from '../define-step.ts';
import type { KubernetesClient } from './client.ts';
import { readOwn, writeOwn, type OwnConfigMap } from './own-config-map.ts';

const nameFor = (domain: string): string => `epoch-${domain.replaceAll('_', '-')}`;

/** The epoch that a cluster has on record for a failover domain. */
export async function readStamp(client: KubernetesClient, domain: string): Promise<Stamp | undefined> {
  return stampIn(await readOwn(client, nameFor(domain)));
}

/**
 * Writes our epoch into the cluster, unless it holds a higher one or a twin's.
 * @throws StepRefused with the epoch and the operation that are there
 */
export async function claimStamp(client: KubernetesClient, operation: Operation): Promise<void> {
  const name = nameFor(operation.domain);
  const data = { epoch: String(operation.epoch), operation: operation.id };
  for (;;) {
    const found = await readOwn(client, name);
    const verdict = judgeStamp(stampIn(found), operation.epoch, operation.id);
    if (verdict.kind === 'ours') return;
    if (verdict.kind === 'stale') throw new StepRefused([`${client.name}: ${verdict.reason}`]);
    if (await writeOwn(client, name, data, found)) return;
  }
}

/** Between two chunks of a long step, and before an undo: whether the cluster still holds our claim. */
export async function assertStampIsOurs(client: KubernetesClient, operation: Operation): Promise<void> {
  const verdict = judgeStamp(await readStamp(client, operation.domain), operation.epoch, operation.id);
  if (verdict.kind === 'stale') throw new StepRefused([`${client.name}: ${verdict.reason}`]);
}

function stampIn(found: OwnConfigMap | undefined): Stamp | undefined {
  const { epoch, operation } = found?.data ?? {};
  if (epoch === undefined || operation === undefined || !/^\d+$/.test(epoch)) return undefined;
  return { epoch: Number(epoch), operation };
}
