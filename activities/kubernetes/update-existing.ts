import { leavingReplicas, scaledBy } from '../../domain/kubernetes/autoscaled.ts';
import { usualPatience } from '../../domain/kubernetes/answers.ts';
import { hasMore, isDifferent } from '../../domain/kubernetes/existing-objects.ts';
import { contentTakenOver } from '../../domain/kubernetes/managed-fields.ts';
import { contentDigest, stampOf, type StoredManifest } from '../../domain/kubernetes/marks.ts';
import { keyOf, nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { inStages } from '../../domain/kubernetes/stages.ts';
import { stripped } from '../../domain/kubernetes/strip.ts';
import type { Operation } from '../../domain/operation.ts';
import type { StepTools } from '../tools.ts';
import { ApiError } from './api-error.ts';
import { applyObject, takeOverFields } from './apply-object.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, objectPath } from './discovery.ts';
import { assertStampIsOurs } from './epoch-stamp.ts';
import { inLanes } from './lanes.ts';
import { readObject } from './read-object.ts';

export interface Updated {
  readonly updated: number;
  /** `Secret shop/keys: why`. */
  readonly failures: readonly string[];
}

interface UpdateOptions {
  readonly operation: Operation;
  /** All objects of the backup: its autoscalers say whose replicas are the load's. */
  readonly all: readonly BackupObject[];
  readonly tools: StepTools;
}

const CHUNK = 200;
/** How often an object is looked at anew because somebody wrote it meanwhile. */
const LOOKS = 5;

/** Makes objects that are there be as the backup has them, stage by stage; whoever owns the fields. Deletes nothing. */
export async function updateExisting(
  client: KubernetesClient,
  items: readonly BackupObject[],
  { operation, all, tools }: UpdateOptions,
): Promise<Updated> {
  if (items.length === 0) return { updated: 0, failures: [] };
  const scaled = scaledBy(all.map(({ object }) => object));
  const failures: string[] = [];
  let updated = 0;
  let finished = 0;
  await tools.reached('restoreBackup:update:before');
  for (const { stage, objects } of inStages(items.map(({ object }) => stripped(object)))) {
    await inLanes(objects, client.inFlight, async (object) => {
      const problem = await updateOne(client, object, { scaled, operation, tools });
      if (problem === undefined) updated += 1;
      else failures.push(`${nameOf(object)}: ${problem}`);
      finished += 1;
      if (finished % CHUNK !== 0) return;
      tools.heartbeat({ stage, updated, of: items.length });
      await assertStampIsOurs(client, operation);
    });
  }
  await tools.reached('restoreBackup:update:after');
  return { updated, failures };
}

/** @returns why not; undefined: it is as the backup has it */
async function updateOne(
  client: KubernetesClient,
  object: KubernetesObject,
  options: Pick<UpdateOptions, 'operation' | 'tools'> & { readonly scaled: ReadonlySet<string> },
): Promise<string | undefined> {
  const { apiVersion, kind } = object;
  const resource = await discoveryOf(client).find(apiVersion, kind);
  if (resource === undefined) return `${client.name} does not serve ${kind} in ${apiVersion}`;
  const { scaled, operation, tools } = options;
  try {
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const live = await readObject(client, objectPath(resource, object), tools.signal);
      if (live === undefined) return 'it was deleted meanwhile';
      if (!isDifferent(live, object, scaled)) return undefined;
      const refusal = refusalOf(live, operation);
      if (refusal !== undefined) return refusal;
      const { resourceVersion = '', managedFields = [] } = live.metadata;
      const fields = hasMore(stripped(live), object) ? contentTakenOver(live) : undefined;
      const manifest = manifestOf(
        scaled.has(keyOf(object)) ? leavingReplicas(object, live, fields ?? managedFields) : object,
      );
      if (
        fields !== undefined &&
        !(await takeOverFields(client, resource, manifest, { fields, resourceVersion }))
      )
        continue;
      await applyObject(client, resource, manifest, {
        stamp: { epoch: operation.epoch, operation: operation.id },
        force: true,
        patience: { ...usualPatience, doubtfulMs: 0 },
        signal: tools.signal,
      });
      return undefined;
    }
    return 'others keep writing it';
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

function refusalOf(live: KubernetesObject, { epoch }: Operation): string | undefined {
  const seen = stampOf(live);
  if (seen !== undefined && seen.epoch > epoch)
    return `it was written under epoch ${seen.epoch} by ${seen.operation}, ours is ${epoch}`;
  const { deletionTimestamp } = live.metadata;
  return deletionTimestamp === undefined ? undefined : `it is being deleted since ${deletionTimestamp}`;
}

/** The store's newest manifest is newer than any backup. */
const manifestOf = (object: KubernetesObject): StoredManifest => ({
  object,
  digest: contentDigest(object),
  version: { epoch: 0, sequence: 0 },
});
