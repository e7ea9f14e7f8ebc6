import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { groupOf, keyOf, nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { readinessOf } from '../../domain/kubernetes/readiness/readiness.ts';
import type { Verdict } from '../../domain/kubernetes/readiness/verdict.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, objectPath, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { forEachObject } from './list.ts';
import { readObject } from './read-object.ts';

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
    if (resource !== undefined) await look({ client, resource, members, nowMs, verdicts, signal });
  }
  return open.flatMap(({ object }) => {
    const verdict = verdicts.get(keyOf(object)) ?? { state: 'progressing', because: 'is not there' };
    return verdict.state === 'ready' ? [] : [{ object: nameOf(object), verdict }];
  });
}

async function look(options: {
  readonly client: KubernetesClient;
  readonly resource: Resource;
  readonly members: readonly StoredManifest[];
  readonly nowMs: number;
  readonly verdicts: Map<string, Verdict>;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const { client, resource, members, nowMs, verdicts, signal } = options;
  if (members.length <= 3) {
    await inLanes(members, members.length, async ({ object }) => {
      const live = await readObject(client, objectPath(resource, object), signal);
      if (live !== undefined) verdicts.set(keyOf(object), readinessOf(live, nowMs));
    });
    return;
  }
  const wanted = new Set(members.map(({ object }) => keyOf(object)));
  await forEachObject(client, resource, signal === undefined ? {} : { signal }, (live) => {
    if (wanted.has(keyOf(live))) verdicts.set(keyOf(live), readinessOf(live, nowMs));
  });
}
