import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { groupOf, keyOf, nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { readinessOf } from '../../domain/kubernetes/readiness/readiness.ts';
import type { Verdict } from '../../domain/kubernetes/readiness/verdict.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf } from './discovery.ts';
import { readLive } from './read-live.ts';

export interface NotReady {
  readonly object: string;
  readonly verdict: Verdict;
}

/** Kinds that are what they are the moment they are written. */
const nothingToWaitFor = new Set([
  '/ConfigMap',
  '/Secret',
  '/ServiceAccount',
  'rbac.authorization.k8s.io/Role',
  'rbac.authorization.k8s.io/RoleBinding',
  'rbac.authorization.k8s.io/ClusterRole',
  'rbac.authorization.k8s.io/ClusterRoleBinding',
]);
const becomesReady = ({ apiVersion, kind }: KubernetesObject): boolean =>
  !nothingToWaitFor.has(`${groupOf(apiVersion)}/${kind}`);

/** One look at the cluster: what of the manifests is not ready yet, absent objects included. Order is kept. */
export async function checkReadyOnce(
  client: KubernetesClient,
  manifests: readonly StoredManifest[],
  nowMs: number,
  signal?: AbortSignal,
): Promise<readonly NotReady[]> {
  const verdicts = new Map<string, Verdict>();
  const open = manifests.filter(({ object }) => becomesReady(object));
  const kinds = Map.groupBy(open, ({ object }) => `${object.apiVersion}/${object.kind}`);
  for (const members of kinds.values()) {
    const [first] = members;
    const resource = first && (await discoveryOf(client).find(first.object.apiVersion, first.object.kind));
    if (resource === undefined) continue;
    const objects = members.map(({ object }) => object);
    await readLive(client, resource, objects, signal === undefined ? {} : { signal }, (live) => {
      verdicts.set(keyOf(live), readinessOf(live, nowMs));
    });
  }
  return open.flatMap(({ object }) => {
    const verdict = verdicts.get(keyOf(object)) ?? { state: 'progressing', because: 'is not there' };
    return verdict.state === 'ready' ? [] : [{ object: nameOf(object), verdict }];
  });
}
