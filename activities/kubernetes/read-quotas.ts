import { keyOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { defaultsOf, type ContainerDefaults } from '../../domain/kubernetes/pods.ts';
import {
  limitedResource,
  limitsOf,
  sumOf,
  takenBy,
  usedOf,
  type Amounts,
  type Coming,
  type Quota,
} from '../../domain/kubernetes/quota.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, resourceName, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { listObjects } from './list.ts';

const QUOTAS = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };
const LIMIT_RANGES = { apiVersion: 'v1', kind: 'LimitRange', plural: 'limitranges', namespaced: true };
const NAMESPACES_AT_ONCE = 4;

/**
 * The quotas that a cluster will have once all has come, with what is in use there now. A backup says of a quota what
 * was in use where it was taken: that is counted anew, as the quota's controller will.
 */
export async function readQuotas(client: KubernetesClient, coming: Coming): Promise<readonly Quota[]> {
  const live = byKey(await listObjects(client, QUOTAS));
  const quotas: Quota[] = [];
  await inLanes(afterAll(QUOTAS, live, coming), NAMESPACES_AT_ONCE, async ([key, quota]) => {
    const { name, namespace = '' } = quota.metadata;
    const hard = limitsOf(quota);
    if (hard.size === 0) return;
    const there = live.get(key);
    const used = there === undefined ? await countUsed(client, namespace, hard) : usedOf(there);
    quotas.push({ namespace, name, isComing: there === undefined, hard, used });
  });
  return quotas.toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

/** What the LimitRanges of the namespaces will give to containers that name no resources. */
export async function readDefaults(
  client: KubernetesClient,
  coming: Coming,
): Promise<ReadonlyMap<string, ContainerDefaults>> {
  const then = afterAll(LIMIT_RANGES, byKey(await listObjects(client, LIMIT_RANGES)), coming);
  const namespaces = Map.groupBy(then.values(), ({ metadata }) => metadata.namespace ?? '');
  return new Map([...namespaces].map(([namespace, ranges]) => [namespace, defaultsOf(ranges)]));
}

type ByKey = ReadonlyMap<string, KubernetesObject>;
const byKey = (objects: readonly KubernetesObject[]): ByKey =>
  new Map(objects.map((object) => [keyOf(object), object]));

/** Objects of a kind as they will be: a restore leaves what is there as it is, an apply does not. */
function afterAll(wanted: Resource, live: ByKey, { applied, restored }: Coming): ByKey {
  const isWanted = ({ apiVersion, kind }: KubernetesObject) =>
    apiVersion === wanted.apiVersion && kind === wanted.kind;
  return new Map([...byKey(restored.filter(isWanted)), ...live, ...byKey(applied.filter(isWanted))]);
}

async function countUsed(client: KubernetesClient, namespace: string, hard: Amounts): Promise<Amounts> {
  const wanted = new Set([...hard.keys()].map(limitedResource));
  const resources = new Map<string, Resource>();
  for (const resource of await discoveryOf(client).all()) {
    const name = resourceName(resource);
    if (wanted.has(name) && !resources.has(name)) resources.set(name, resource);
  }
  const counts: Amounts[] = [];
  for (const [resource, served] of resources) {
    const objects = await listObjects(client, served, { namespace });
    counts.push(...objects.map((object) => takenBy({ object, resource })));
  }
  return sumOf(counts);
}
