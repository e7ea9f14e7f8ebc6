import {
  demandOf,
  quotaLimits,
  shortages,
  sum,
  type ResourceName,
} from '../../domain/kubernetes/capacity.ts';
import { quantity } from '../../domain/kubernetes/covers.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import type { NodePool } from '../../domain/schema/kubernetes.ts';
import type { KubernetesClient } from './client.ts';
import { listObjects } from './list.ts';

const QUOTAS = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };

/** What the manifests ask for beyond what the pool's nodes and the namespaces' quotas give, named by resource. */
export async function capacityShortages(
  client: KubernetesClient,
  manifests: readonly StoredManifest[],
  pool: { readonly name: string; readonly settings: NodePool },
): Promise<readonly string[]> {
  const demands = manifests.map(({ object }) => ({
    namespace: object.metadata.namespace ?? '',
    demand: demandOf(object),
  }));
  const { settings, name } = pool;
  const offered: Partial<Record<ResourceName, number>> = {};
  for (const [resource, text] of Object.entries(settings.resources)) {
    const each = quantity(text ?? '');
    if (each !== undefined) offered[resource as ResourceName] = each * settings.nodes;
  }
  const total = sum(demands.map(({ demand }) => demand));
  const quotas = await listObjects(client, QUOTAS);
  return [
    ...shortages(total, offered, `${settings.nodes} nodes of pool ${name}`),
    ...quotas.flatMap((quota) => {
      const { namespace = '', name: quotaName } = quota.metadata;
      const own = demands.filter((one) => one.namespace === namespace).map(({ demand }) => demand);
      return shortages(sum(own), quotaLimits(quota), `quota ${namespace}/${quotaName}`);
    }),
  ];
}
