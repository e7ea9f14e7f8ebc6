import { asAccount, firstRow, type DatabaseServer } from '../engines/database-server.ts';
import { schema } from '../sites/layout.ts';
import type { LabCluster } from '../sites/start-databases.ts';
import type { StoredWrite } from './oracle.ts';

/** database -> all rows of its table, read from the one node that is open. */
export async function readStoredWrites(
  clusters: readonly LabCluster[],
): Promise<ReadonlyMap<string, readonly StoredWrite[]>> {
  const stored = new Map<string, readonly StoredWrite[]>();
  for (const cluster of clusters) stored.set(cluster.name, await readRows(cluster, await openNode(cluster)));
  return stored;
}

/** @throws Error unless exactly one node is open */
export async function openNode(cluster: LabCluster): Promise<DatabaseServer> {
  const open: string[] = [];
  for (const [name, server] of cluster.nodes) if (await isOpen(cluster, server)) open.push(name);
  const [name] = open;
  const server = name === undefined || open.length > 1 ? undefined : cluster.nodes.get(name);
  if (server === undefined)
    throw new Error(`${cluster.name}: expected exactly one open node, saw ${open.join(', ') || 'none'}`);
  return server;
}

async function isOpen(cluster: LabCluster, server: DatabaseServer): Promise<boolean> {
  if (!server.process.alive()) return false;
  const row = await asAccount(server, cluster.accounts.admin, (connection) =>
    firstRow(connection, 'SELECT @@GLOBAL.read_only AS closed'),
  );
  return ['0', 'OFF'].includes(String(row?.['closed']));
}

const readRows = (cluster: LabCluster, server: DatabaseServer): Promise<StoredWrite[]> =>
  asAccount(server, cluster.accounts.application, async (connection) => {
    const [rows] = await connection.query(`SELECT id, user, seq, unit, epoch FROM ${schema}.writes`);
    return rows as StoredWrite[];
  });
