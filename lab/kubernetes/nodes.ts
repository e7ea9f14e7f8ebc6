import type { ApiClient } from './api-client.ts';
import { NODE_POOLS_NAMESPACE, NODE_POOLS_PATH } from './lab-definitions.ts';
import { isReady, POOL_LABEL } from './node-pool.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { waitUntil } from './wait-until.ts';

/** Sets the size of a pool as anybody would: through its scale subresource. */
export async function scalePool(api: ApiClient, pool: string, replicas: number): Promise<void> {
  const path = NODE_POOLS_PATH.replace(
    '/nodepools',
    `/namespaces/${NODE_POOLS_NAMESPACE}/nodepools/${pool}/scale`,
  );
  await api.call('PATCH', path, { spec: { replicas } }, 'application/merge-patch+json');
}

/** Waits until a pool has exactly so many nodes and each of them takes pods. */
export async function waitForNodes(
  { api, name }: { readonly api: ApiClient; readonly name: string },
  options: { readonly pool: string; readonly count: number; readonly withinMs?: number },
): Promise<void> {
  const { pool, count, withinMs = 180_000 } = options;
  await waitUntil({ what: `${count} ready nodes of pool ${pool} in ${name}`, withinMs }, async () => {
    const nodes = await api.list(
      `/api/v1/nodes?labelSelector=${encodeURIComponent(`${POOL_LABEL}=${pool}`)}`,
    );
    const usable = nodes.filter((node) => isReady(node) && !isTainted(node)).length;
    if (nodes.length !== count || usable !== count)
      throw new Error(`${nodes.length} nodes, ${usable} take pods`);
  });
}

/** The scheduler keeps off a new node until the controller manager has taken its taint away. */
function isTainted({ spec }: KubernetesObject): boolean {
  return ((spec as { readonly taints?: readonly unknown[] } | undefined)?.taints ?? []).length > 0;
}
