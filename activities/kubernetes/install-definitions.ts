import { contentDigest } from '../../domain/kubernetes/marks.ts';
import { nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { stripped } from '../../domain/kubernetes/strip.ts';
import type { Operation } from '../../domain/operation.ts';
import type { Style } from '../../domain/step.ts';
import { StepFailed } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import { applyStage } from './apply-stage.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf } from './discovery.ts';
import { waitForStage } from './wait-for-stage.ts';

const ESTABLISHED_MS = 60_000;

/**
 * Installs CustomResourceDefinitions and waits until the server serves them.
 * @returns what a forced run goes on without, in words: one definition must not keep everything else away
 * @throws StepFailed (graceful) with what was not installed
 */
export async function installDefinitions(
  client: KubernetesClient,
  definitions: readonly KubernetesObject[],
  options: { readonly operation: Operation; readonly style: Style; readonly tools: StepTools },
): Promise<readonly string[]> {
  const { operation, style, tools } = options;
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
  const lines = failures.map(({ object, because }) => `${object}: ${because}`);
  if (failures.length > 0 && style === 'graceful') {
    throw new StepFailed(
      `${client.name}: ${failures.length} definitions were not installed: ${lines[0]}; see why, then retry; a forced restore goes on without them`,
      { first: lines.slice(0, 10) },
    );
  }
  const failed = new Set(failures.map(({ object }) => object));
  const installed = manifests.filter(({ object }) => !failed.has(nameOf(object)));
  const stage = { stage: 'definitions', timeoutMs: ESTABLISHED_MS, style, tools };
  const unserved = await waitForStage(client, installed, stage);
  await discoveryOf(client).refresh();
  return [...lines, ...unserved];
}
