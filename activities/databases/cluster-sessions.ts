import { isReached, type NodeFacts } from '../../domain/promotion/facts.ts';
import type { DatabaseCluster } from '../../domain/schema/inventory.ts';
import type { StepTools } from '../tools.ts';
import { connectTo, connectTimeoutsMs, DatabaseError, type DatabaseConnection } from './connection.ts';
import type { DatabaseDriver } from './driver.ts';
import { readJournal } from './journal.ts';
import { mariadbDriver } from './mariadb.ts';
import { mysqlDriver } from './mysql.ts';

type Accounts = { readonly admin: string; readonly replication: string };
const drivers = {
  mysql: mysqlDriver,
  mariadb: mariadbDriver,
} as const satisfies Record<DatabaseCluster['engine'], (accounts: Accounts) => DatabaseDriver>;

export const driverFor = ({ engine, admin, replication }: DatabaseCluster): DatabaseDriver =>
  drivers[engine]({ admin: admin.user, replication: replication.user });

/** One dedicated session to every node that answers; the rest with the reason. */
export interface ClusterSessions {
  readonly cluster: DatabaseCluster;
  readonly driver: DatabaseDriver;
  readonly reached: ReadonlyMap<string, DatabaseConnection>;
  readonly lost: ReadonlyMap<string, string>;
  /** From now on this node counts as one that cannot be reached. */
  forsake(node: string, because: string): void;
  /** A session instead of one that was lost. It holds no lock. */
  renew(node: string): Promise<DatabaseConnection>;
  close(): void;
}

export async function openSessions(
  cluster: DatabaseCluster,
  tools: StepTools,
  timeoutMsFor: (site: string, name: string) => number = () => connectTimeoutsMs.patient,
): Promise<ClusterSessions> {
  const reached = new Map<string, DatabaseConnection>();
  const lost = new Map<string, string>();
  const close = () => {
    for (const connection of reached.values()) connection.destroy();
  };
  const attempts = await Promise.allSettled(
    Object.entries(cluster.nodes).map(async ([name, { site }]) => {
      try {
        reached.set(name, await connectTo(name, cluster, tools, timeoutMsFor(site, name)));
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        lost.set(name, error.message);
      }
    }),
  );
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (failed !== undefined) {
    close();
    throw failed.reason;
  }
  const forsake = (node: string, because: string) => {
    reached.get(node)?.destroy();
    reached.delete(node);
    lost.set(node, because);
  };
  const renew = async (node: string) => {
    const connection = await connectTo(node, cluster, tools, connectTimeoutsMs.brief);
    reached.get(node)?.destroy();
    reached.set(node, connection);
    return connection;
  };
  return { cluster, driver: driverFor(cluster), reached, lost, forsake, renew, close };
}

/** What every node says now. A session that is lost while it is asked makes its node unreachable. */
export async function observeNodes(sessions: ClusterSessions): Promise<readonly NodeFacts[]> {
  const { cluster, driver } = sessions;
  return Promise.all(
    Object.entries(cluster.nodes).map(async ([name, { site }]): Promise<NodeFacts> => {
      const connection = sessions.reached.get(name);
      if (connection === undefined)
        return { name, site, reachable: false, because: sessions.lost.get(name) ?? 'not tried' };
      try {
        const server = await driver.observe(connection);
        const journal = await readJournal(connection, cluster.journalSchema);
        return { name, site, reachable: true, server, journal };
      } catch (error) {
        if (!(error instanceof DatabaseError) || error.failure === 'statement') throw error;
        return { name, site, reachable: false, because: error.message };
      }
    }),
  );
}

/**
 * Compares every node with the one that the others should follow. That one is read again at the end: it only grows,
 * so what a replica has and it lacks then was never there.
 */
export async function compareWith(
  sessions: ClusterSessions,
  nodes: readonly NodeFacts[],
  reference: string,
): Promise<{ readonly [node: string]: { readonly behind: number; readonly errant: string } }> {
  const { driver } = sessions;
  const source = nodes.filter(isReached).find((node) => node.name === reference);
  const connection = sessions.reached.get(reference);
  if (source === undefined || connection === undefined) return {};
  const now = await driver.position(connection);
  const compared: Record<string, { behind: number; errant: string }> = {};
  for (const { name, server } of nodes.filter(isReached)) {
    if (name === reference) continue;
    const behind = await driver.difference(connection, server.executed, now.last);
    const errant = await driver.errant(connection, server.executed, now, source.server.identity);
    compared[name] = { behind: behind.missingCount, errant };
  }
  return compared;
}
