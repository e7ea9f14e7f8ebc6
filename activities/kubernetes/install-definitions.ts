import { contentDigest } from '../../domain/kubernetes/marks.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { stripped } from '../../domain/kubernetes/strip.ts';
import type { Operation } from '../../domain/operation.ts';
import { StepFailed } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import { applyStage } from './apply-stage.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf } from './discovery.ts';
import { waitForStage } from './wait-for-stage.ts';

const ESTABLISHED_MS = 60_000;

/** Installs CustomResourceDefinitions and waits until the server serves them. */
export async function installDefinitions(
  client: KubernetesClient,
  definitions: readonly KubernetesObject[],
  { operation, tools }: { readonly operation: Operation; readonly tools: StepTools },
): Promise<void> {
  const manifests = definitions.map(stripped).map((object) => ({
    object,
    digest: contentDigest(object),
    version: { epoch: 0, sequence: 0 },
  }));
  const { failures } = await applyStage(client, manifests, {
    stamp: { epoch: operation.epoch, operation: operation.id },
    force: true,
    chunk: manifests.length,
    afterChunk: async () => tools.heartbeat({ definitions: manifests.length }),
    signal: tools.signal,
  });
  if (failures.length > 0) {
    const lines = failures.map(({ object, because }) => `${object}: ${because}`);
    throw new StepFailed(`${client.name}: ${failures.length} definitions were not installed: ${lines[0]}`, {
      first: lines.slice(0, 10),
    });
  }
  await waitForStage(client, manifests, {
    stage: 'definitions',
    timeoutMs: ESTABLISHED_MS,
    style: 'graceful',
    tools,
  });
  await discoveryOf(client).refresh();
}
