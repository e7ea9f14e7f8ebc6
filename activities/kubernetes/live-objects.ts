import { compare, type Comparison } from '../../domain/kubernetes/compare.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { keyOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { readinessOf } from '../../domain/kubernetes/readiness/readiness.ts';
import { progressing, type Verdict } from '../../domain/kubernetes/readiness/verdict.ts';
import type { Stamp } from '../../domain/operation.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { readLive } from './read-live.ts';

export interface Compared {
  readonly manifest: StoredManifest;
  /** Where it lives; undefined: the cluster does not serve the kind (yet). */
  readonly resource: Resource | undefined;
  readonly comparison: Comparison;
  /** Whether what is there is ready; an object that is not there is not. */
  readonly verdict: Verdict;
}

interface Seen {
  readonly comparison: Comparison;
  readonly verdict: Verdict;
}

const absent: Seen = { comparison: { kind: 'create' }, verdict: progressing('is not there') };

const KINDS_AT_ONCE = 4;

/** Compares manifests with what the cluster has, reading each kind once. Order is kept. */
export async function compareWithCluster(
  client: KubernetesClient,
  manifests: readonly StoredManifest[],
  stamp: Stamp,
  signal?: AbortSignal,
): Promise<readonly Compared[]> {
  const found = new Map<string, Seen>();
  const resources = new Map<string, Resource | undefined>();
  await inLanes(byKind(manifests), KINDS_AT_ONCE, async ([kind, members]) => {
    const [first] = members;
    if (first === undefined) return;
    const resource = await discoveryOf(client).find(first.object.apiVersion, first.object.kind);
    resources.set(kind, resource);
    if (resource === undefined) return;
    const wanted = new Map(members.map((manifest) => [keyOf(manifest.object), manifest]));
    const objects = members.map(({ object }) => object);
    await readLive(client, resource, objects, signal === undefined ? {} : { signal }, (live) => {
      const manifest = wanted.get(keyOf(live));
      if (manifest !== undefined) found.set(keyOf(live), judge(live, manifest, stamp));
    });
  });
  return manifests.map((manifest) => ({
    manifest,
    resource: resources.get(kindOf(manifest)),
    ...(found.get(keyOf(manifest.object)) ?? absent),
  }));
}

const judge = (live: KubernetesObject, wanted: StoredManifest, stamp: Stamp): Seen => ({
  comparison: compare(live, wanted, stamp),
  verdict: readinessOf(live, Date.now()),
});

const kindOf = ({ object }: StoredManifest): string => `${object.apiVersion}/${object.kind}`;

function byKind(manifests: readonly StoredManifest[]): ReadonlyMap<string, readonly StoredManifest[]> {
  const kinds = new Map<string, StoredManifest[]>();
  for (const manifest of manifests) {
    const members = kinds.get(kindOf(manifest));
    if (members === undefined) kinds.set(kindOf(manifest), [manifest]);
    else members.push(manifest);
  }
  return kinds;
}
