import type { NodeFacts } from '../domain/promotion/facts.ts';
import { findPrimary } from '../domain/promotion/find-primary.ts';
import type { Stamp } from '../domain/operation.ts';
import type { ObservedCluster } from '../domain/plan.ts';
import type { DatabaseCluster } from '../domain/schema/inventory.ts';
import { connectTimeoutsMs } from './databases/connection.ts';
import { observeNodes, openSessions } from './databases/cluster-sessions.ts';
import type { StepTools } from './tools.ts';

type Clusters = { readonly [name: string]: DatabaseCluster };

/** Every node's own account of itself; nodes that do not answer say why. Changes nothing. */
export async function observeClusterNodes(
  cluster: DatabaseCluster,
  tools: StepTools,
): Promise<readonly NodeFacts[]> {
  const sessions = await openSessions(cluster, tools, () => connectTimeoutsMs.brief);
  try {
    return await observeNodes(sessions);
  } finally {
    sessions.close();
  }
}

/** Who is the primary, by topology: also when it is dead, from those who followed it. */
export const observeCluster = async (cluster: DatabaseCluster, tools: StepTools): Promise<ObservedCluster> =>
  findPrimary(await observeClusterNodes(cluster, tools), cluster.nodes);

export async function observeDatabases(
  databases: Clusters,
  tools: StepTools,
): Promise<{ readonly [name: string]: ObservedCluster }> {
  const observed = await Promise.all(
    Object.entries(databases).map(
      async ([name, cluster]) => [name, await observeCluster(cluster, tools)] as const,
    ),
  );
  return Object.fromEntries(observed);
}

/** The highest stamp in each cluster's journal, for the ballot over epochs; undefined where there is none. */
export async function readPromotionStamps(
  databases: Clusters,
  tools: StepTools,
): Promise<{ readonly [name: string]: Stamp | undefined }> {
  const stamps = await Promise.all(
    Object.entries(databases).map(async ([name, cluster]) => {
      const nodes = await observeClusterNodes(cluster, tools);
      const [newest] = nodes
        .flatMap((node) => (node.reachable ? node.journal : []))
        .sort((a, b) => b.epoch - a.epoch);
      return [
        name,
        newest === undefined ? undefined : { epoch: newest.epoch, operation: newest.operation },
      ] as const;
    }),
  );
  return Object.fromEntries(stamps);
}
