import { conditionsOf, describeCondition } from '../../domain/kubernetes/conditions.ts';
import { mapping, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { nodeProblems } from '../../domain/kubernetes/nodes.ts';
import type { NodePool } from '../../domain/schema/kubernetes.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, objectPath } from './discovery.ts';
import { listObjects } from './list.ts';
import { readObject } from './read-object.ts';

const NODES = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };

export interface PoolNodes {
  readonly ready: number;
  /** `name: why`, one line a node. */
  readonly unready: readonly string[];
}

export async function readNodes(client: KubernetesClient, selector: string): Promise<PoolNodes> {
  const nodes = await listObjects(client, NODES, { labelSelector: selector });
  const judged = nodes.map((node) => ({ name: node.metadata.name, problems: nodeProblems(node) }));
  const unready = judged.filter(({ problems }) => problems.length > 0);
  return {
    ready: judged.length - unready.length,
    unready: unready.map(({ name, problems }) => `${name}: ${problems.join(', ')}`),
  };
}

export interface PoolState {
  readonly asked: number;
  readonly maximum: number | undefined;
  readonly conditions: readonly string[];
}

/** Cluster API's word for what its autoscaler may grow a pool to. */
const MAXIMUM_ANNOTATION = 'cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size';

/** The pool by its object; any kind with a scale subresource will do. */
export async function readPool(
  client: KubernetesClient,
  resource: NonNullable<NodePool['resource']>,
): Promise<PoolState> {
  const path = await poolPath(client, resource);
  const [pool, scale] = await Promise.all([readObject(client, path), readObject(client, `${path}/scale`)]);
  if (pool === undefined || scale === undefined) {
    const what = pool === undefined ? 'there is none' : 'it has no scale subresource';
    throw new Error(
      `${client.name}: node pool ${resource.kind} ${resource.namespace}/${resource.name}: ${what}`,
    );
  }
  const asked = mapping(scale['spec'])['replicas'];
  return {
    asked: typeof asked === 'number' ? asked : 0,
    maximum: maximumOf(pool),
    conditions: conditionsOf(pool)
      .filter(({ status }) => status !== 'True')
      .map((condition) => `pool ${resource.name}: ${describeCondition(condition)}`),
  };
}

function maximumOf(pool: KubernetesObject): number | undefined {
  const named = mapping(pool['spec'])['maxReplicas'] ?? pool.metadata.annotations?.[MAXIMUM_ANNOTATION];
  const maximum = Number(named ?? Number.NaN);
  return Number.isInteger(maximum) ? maximum : undefined;
}

/** Sets the number of nodes that a pool asks for. Setting the same number again changes nothing. */
export async function scalePool(
  client: KubernetesClient,
  resource: NonNullable<NodePool['resource']>,
  nodes: number,
): Promise<void> {
  await client.call({
    method: 'PATCH',
    path: `${await poolPath(client, resource)}/scale`,
    body: JSON.stringify({ spec: { replicas: nodes } }),
    contentType: 'application/merge-patch+json',
  });
}

async function poolPath(
  client: KubernetesClient,
  { apiVersion, kind, namespace, name }: NonNullable<NodePool['resource']>,
): Promise<string> {
  const resource = await discoveryOf(client).find(apiVersion, kind);
  if (resource === undefined) throw new Error(`${client.name} does not serve ${kind} in ${apiVersion}`);
  return objectPath(resource, { metadata: { namespace, name } });
}
