import { judgeStamp, type Operation, type Stamp } from '../../domain/operation.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { StepRefused } from '../define-step.ts';
import { hasCode } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { readObject } from './read-object.ts';

interface StampMap extends KubernetesObject {
  readonly data?: { readonly epoch?: string; readonly operation?: string };
}

const NAMESPACE = 'siteshift';
const nameFor = (domain: string): string => `epoch-${domain.replaceAll('_', '-')}`;
const pathFor = (domain: string): string => `/api/v1/namespaces/${NAMESPACE}/configmaps/${nameFor(domain)}`;

/** The epoch that a cluster has on record for a failover domain: a ConfigMap of ours, written under CAS. */
export async function readStamp(client: KubernetesClient, domain: string): Promise<Stamp | undefined> {
  return stampIn(await readObject<StampMap>(client, pathFor(domain)));
}

/**
 * Writes our epoch into the cluster, unless it holds a higher one or a twin's.
 * @throws StepRefused with the epoch and the operation that are there
 */
export async function claimStamp(client: KubernetesClient, operation: Operation): Promise<void> {
  for (;;) {
    const found = await readObject<StampMap>(client, pathFor(operation.domain));
    const verdict = judgeStamp(stampIn(found), operation.epoch, operation.id);
    if (verdict.kind === 'ours') return;
    if (verdict.kind === 'stale') throw new StepRefused([`${client.name}: ${verdict.reason}`]);
    try {
      await write(client, operation, found);
      return;
    } catch (error) {
      if (!hasCode(error, 409)) throw error; // somebody else wrote between our look and our write: look again
    }
  }
}

/** Between two chunks of a long step: whether the cluster still holds our claim. */
export async function assertStampIsOurs(client: KubernetesClient, operation: Operation): Promise<void> {
  const verdict = judgeStamp(await readStamp(client, operation.domain), operation.epoch, operation.id);
  if (verdict.kind === 'stale') throw new StepRefused([`${client.name}: ${verdict.reason}`]);
}

async function write(
  client: KubernetesClient,
  operation: Operation,
  found: StampMap | undefined,
): Promise<void> {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: nameFor(operation.domain),
      namespace: NAMESPACE,
      labels: { 'velero.io/exclude-from-backup': 'true' }, // an epoch that is restored would go back in time
      ...(found?.metadata.resourceVersion === undefined
        ? {}
        : { resourceVersion: found.metadata.resourceVersion }),
    },
    data: { epoch: String(operation.epoch), operation: operation.id },
  };
  if (found === undefined) await ensureNamespace(client);
  await client.call({
    method: found === undefined ? 'POST' : 'PUT',
    path: found === undefined ? `/api/v1/namespaces/${NAMESPACE}/configmaps` : pathFor(operation.domain),
    body: JSON.stringify(object),
    patience: { busyMs: 30_000, passingMs: 0, doubtfulMs: 0 }, // a write of unknown outcome is looked at, not repeated
  });
}

async function ensureNamespace(client: KubernetesClient): Promise<void> {
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE, labels: { 'velero.io/exclude-from-backup': 'true' } },
  };
  try {
    await client.call({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: JSON.stringify(namespace),
      patience: { busyMs: 30_000, passingMs: 0, doubtfulMs: 5_000 },
    });
  } catch (error) {
    if (!hasCode(error, 409)) throw error;
  }
}

function stampIn(found: StampMap | undefined): Stamp | undefined {
  const { epoch, operation } = found?.data ?? {};
  if (epoch === undefined || operation === undefined || !/^\d+$/.test(epoch)) return undefined;
  return { epoch: Number(epoch), operation };
}
