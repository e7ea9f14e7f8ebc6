import { setTimeout as sleep } from 'node:timers/promises';
import type { FieldConflict } from '../../domain/kubernetes/answers.ts';
import { compare } from '../../domain/kubernetes/compare.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { nameOf } from '../../domain/kubernetes/object.ts';
import { ApiError, ConnectionError, hasCode } from './api-error.ts';
import { applyObject, sentFor, takeOverFields, type ApplyOptions } from './apply-object.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, objectPath } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { compareWithCluster, type Compared } from './live-objects.ts';
import { readObject } from './read-object.ts';

/** An object that could not be applied; the others of its stage were. */
export interface ApplyFailure {
  readonly object: string;
  readonly because: string;
  readonly conflicts: readonly FieldConflict[];
}

export interface StageResult {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly failures: readonly ApplyFailure[];
}

export interface StageOptions extends ApplyOptions {
  /** Called after every `chunk` finished writes, by one lane while the others go on; what it throws ends the stage. */
  readonly afterChunk: (written: number) => Promise<void>;
  readonly chunk: number;
}

/** Namespaces and kinds that were just made are unknown to parts of the server for a moment. */
const PARENT_MS = 15_000;

/** Applies the manifests of one stage: reads what is there, writes only what differs. */
export async function applyStage(
  client: KubernetesClient,
  manifests: readonly StoredManifest[],
  options: StageOptions,
): Promise<StageResult> {
  const compared = await compareWithCluster(client, manifests, options.stamp, options.signal);
  const writes = compared.filter(({ comparison }) => comparison.kind !== 'unchanged');
  const counts = { created: 0, updated: 0 };
  const failures: ApplyFailure[] = [];
  let finished = 0;
  await inLanes(writes, client.inFlight, async (one) => {
    try {
      counts[await writeOne(client, one, options)] += 1;
    } catch (error) {
      failures.push(failureOf(one.manifest, error));
    }
    finished += 1;
    if (finished % options.chunk === 0) await options.afterChunk(finished);
  });
  return { ...counts, unchanged: compared.length - writes.length, failures };
}

/** What the server said no to is the object's failure; a server that does not answer any more is the step's. */
function failureOf(manifest: StoredManifest, error: unknown): ApplyFailure {
  if (error instanceof ConnectionError || !(error instanceof ApiError || error instanceof Refused))
    throw error;
  return {
    object: nameOf(manifest.object),
    because: error.message,
    conflicts: error instanceof ApiError ? error.conflicts : [],
  };
}

class Refused extends Error {
  override readonly name = 'Refused';
}

async function writeOne(
  client: KubernetesClient,
  { manifest, comparison, resource: known }: Compared,
  options: StageOptions,
): Promise<'created' | 'updated'> {
  const startedAt = Date.now();
  let current = comparison;
  for (;;) {
    if (current.kind === 'refused') throw new Refused(current.because);
    const { apiVersion, kind } = manifest.object;
    const resource = known ?? (await discoveryOf(client).find(apiVersion, kind));
    const mayWait = Date.now() - startedAt < PARENT_MS;
    if (resource === undefined) {
      if (!mayWait) throw new Refused(`${client.name} does not serve ${kind} in ${apiVersion}`);
    } else if (
      current.kind === 'update' &&
      current.takeOver !== undefined &&
      !(await takeOverFields(client, resource, manifest, current.takeOver))
    ) {
      const live = await readObject(client, objectPath(resource, manifest.object));
      current = compare(live, manifest, options.stamp);
      if (current.kind === 'unchanged') return 'updated';
      continue;
    } else {
      try {
        return await applyObject(client, resource, sentFor(manifest, current), options);
      } catch (error) {
        if (!hasCode(error, 404) || !mayWait) throw error;
      }
    }
    await sleep(500, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}
