import { withoutReplicas } from '../../domain/kubernetes/autoscaled.ts';
import type { Comparison } from '../../domain/kubernetes/compare.ts';
import type { Patience } from '../../domain/kubernetes/answers.ts';
import { fieldManager, marked, type StoredManifest } from '../../domain/kubernetes/marks.ts';
import type { ManagedFieldsEntry } from '../../domain/kubernetes/object.ts';
import type { Stamp } from '../../domain/operation.ts';
import { hasCode } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { objectPath, type Resource } from './discovery.ts';

export interface ApplyOptions {
  readonly stamp: Stamp;
  /** Take over fields that other managers own; otherwise that is an ApiError with their names. */
  readonly force: boolean;
  readonly dryRun?: boolean;
  readonly patience?: Patience;
  readonly signal?: AbortSignal;
}

/** An answer without the object's body: we need to know that it was written, not what it looks like now. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

/** The manifest as this comparison wants it sent; what is as it should be is only ever tried. */
export function sentFor(manifest: StoredManifest, comparison: Comparison): StoredManifest {
  const { object, isAutoscaled } = manifest;
  if (comparison.kind === 'update') return { ...manifest, object: comparison.sends ?? object };
  const isThere = comparison.kind === 'unchanged';
  return isThere && isAutoscaled === true ? { ...manifest, object: withoutReplicas(object) } : manifest;
}

/** Server-side apply of one manifest. Repeating it changes nothing, so it is repeated through every passing trouble. */
export async function applyObject(
  client: KubernetesClient,
  resource: Resource,
  manifest: StoredManifest,
  options: ApplyOptions,
): Promise<'created' | 'updated'> {
  // By default the server parses each manifest a second time, to warn of keys that stand twice: ours are serialised here.
  // A field that does not exist is refused by server-side apply itself.
  const fieldValidation = options.dryRun === true ? 'Strict' : 'Ignore';
  const query = `fieldManager=${fieldManager}&force=${options.force}&fieldValidation=${fieldValidation}${options.dryRun === true ? '&dryRun=All' : ''}`;
  const { code } = await client.send({
    method: 'PATCH',
    path: `${objectPath(resource, manifest.object)}?${query}`,
    body: JSON.stringify(marked(manifest, options.stamp)),
    contentType: 'application/apply-patch+yaml',
    accept: METADATA_ONLY,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.patience === undefined ? {} : { patience: options.patience }),
  });
  return code === 201 ? 'created' : 'updated';
}

/**
 * Signs the fields of a restored object over to us (see takenOver). On the resourceVersion that was looked at: when
 * somebody was faster, the look is outdated and the caller must look again.
 * @returns false when somebody was faster or it is gone
 */
export async function takeOverFields(
  client: KubernetesClient,
  resource: Resource,
  manifest: StoredManifest,
  takeOver: { readonly fields: readonly ManagedFieldsEntry[]; readonly resourceVersion: string },
): Promise<boolean> {
  const { fields: managedFields, resourceVersion } = takeOver;
  try {
    await client.send({
      method: 'PATCH',
      path: `${objectPath(resource, manifest.object)}?fieldManager=${fieldManager}`,
      body: JSON.stringify({ metadata: { managedFields, resourceVersion } }),
      contentType: 'application/merge-patch+json',
      accept: METADATA_ONLY,
    });
    return true;
  } catch (error) {
    if (hasCode(error, 409) || hasCode(error, 404)) return false;
    throw error;
  }
}
