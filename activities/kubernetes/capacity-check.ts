import {
  demandBeyond,
  demandOf,
  offeredBy,
  quotaLeft,
  shortages,
  sum,
  type Resources,
} from '../../domain/kubernetes/capacity.ts';
import { keyOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { NodePool } from '../../domain/schema/kubernetes.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { listObjects } from './list.ts';
import { readLive } from './read-live.ts';

const QUOTAS = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };
const KINDS_AT_ONCE = 4;

/** What the manifests ask for beyond what the nodes of all pools will give together, named by resource. */
export function nodeShortages(
  manifests: readonly KubernetesObject[],
  pools: Readonly<Record<string, NodePool>>,
): readonly string[] {
  const nodes = Object.values(pools).reduce((total, pool) => total + pool.nodes, 0);
  const names = Object.keys(pools);
  const where = `${nodes} nodes of pool${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
  return shortages(sum(manifests.map(demandOf)), offeredBy(Object.values(pools)), where);
}

/** What the manifests ask for beyond what the namespaces' quotas still give, named by quota and resource. */
export async function quotaShortages(
  client: KubernetesClient,
  manifests: readonly KubernetesObject[],
): Promise<readonly string[]> {
  const running = manifests.filter((object) => demandOf(object).pods > 0);
  if (running.length === 0) return [];
  const quotas = await listObjects(client, QUOTAS);
  const limited = new Set(quotas.map(({ metadata }) => metadata.namespace));
  const asking = running.filter(({ metadata }) => limited.has(metadata.namespace));
  const demands = await demandsBeyond(client, asking);
  return quotas.flatMap((quota) => {
    const { namespace, name } = quota.metadata;
    const own = demands.filter((one) => one.namespace === namespace).map(({ demand }) => demand);
    return shortages(sum(own), quotaLeft(quota), `what quota ${namespace}/${name} still gives`);
  });
}

async function demandsBeyond(
  client: KubernetesClient,
  manifests: readonly KubernetesObject[],
): Promise<readonly { readonly namespace: string | undefined; readonly demand: Resources }[]> {
  const live = new Map<string, KubernetesObject>();
  const kinds = Map.groupBy(manifests, ({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  await inLanes(kinds.values(), KINDS_AT_ONCE, async (objects) => {
    const [first] = objects;
    const resource = first && (await discoveryOf(client).find(first.apiVersion, first.kind));
    if (resource === undefined) return;
    await readLive(client, resource, objects, {}, (object) => void live.set(keyOf(object), object));
  });
  return manifests.map((object) => ({
    namespace: object.metadata.namespace,
    demand: demandBeyond(object, live.get(keyOf(object))),
  }));
}
