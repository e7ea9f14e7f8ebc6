import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Say } from '../engines/cache.ts';
import { asAccount, runStatements, type Accounts, type DatabaseServer } from '../engines/database-server.ts';
import { obtainMariadb, startMariadb } from '../engines/mariadb.ts';
import { obtainMysql, startMysql } from '../engines/mysql.ts';
import { attachReplica, openPrimary, prepareServer } from '../engines/topology.ts';
import { directPaths, type Paths } from '../process/paths.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervisor } from '../process/supervise.ts';
import { writesTable } from '../unit-app/write-handler.ts';
import { nodesOf, probesTable, schema, type DatabaseName, type NodeLayout } from './layout.ts';

/** A server of the lab; `front` is the port that everybody uses but those who only watch. */
export type LabNode = DatabaseServer & { readonly layout: NodeLayout; readonly front: number };

/** A running cluster of the lab; the first node starts as the primary. */
export interface LabCluster {
  readonly name: DatabaseName;
  readonly engine: 'mysql' | 'mariadb';
  readonly durability: 'semisync' | 'async';
  readonly nodes: ReadonlyMap<string, LabNode>;
  readonly accounts: Accounts;
}

export interface ClusterOptions {
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  /** Default: everybody connects directly. */
  readonly paths?: Paths;
  readonly folder: string;
  readonly say: Say;
  readonly name: DatabaseName;
  readonly engine: 'mysql' | 'mariadb';
  readonly durability: 'semisync' | 'async';
}

/** Starts one server a node, makes the west replicas of the east, opens the east and creates the table. */
export async function startCluster(options: ClusterOptions): Promise<LabCluster> {
  const { name, engine, durability, paths = directPaths } = options;
  const accounts = newAccounts(name);
  const start = await starter(options);
  const servers = await Promise.all(
    nodesOf(name).map(async (layout): Promise<LabNode> => {
      const server = await start(layout);
      return { ...server, layout, front: await paths.front(layout.name, server.port) };
    }),
  );
  await Promise.all(servers.map((server) => prepareServer(server, { accounts, schema })));
  const [primary, ...standbys] = servers;
  if (primary === undefined) throw new Error(`the layout has no node for ${name}`);
  const source = { ...primary, port: primary.front };
  await Promise.all(standbys.map((replica) => attachReplica({ replica, source, accounts })));
  await openPrimary({ primary, accounts, ackers: durability === 'semisync' ? standbys.length : 0 });
  await asAccount(primary, accounts.application, (connection) =>
    runStatements(connection, [`USE ${schema}`, writesTable, probesTable]),
  );
  options.say(`${name}: ${engine} (${durability}), primary ${primary.layout.name}`);
  return { name, engine, durability, accounts, nodes: new Map(servers.map((one) => [one.layout.name, one])) };
}

async function starter(options: ClusterOptions): Promise<(layout: NodeLayout) => Promise<DatabaseServer>> {
  const { supervisor, ports, folder, say, engine } = options;
  const serverOptions = async ({ name, serverId }: NodeLayout) => ({
    name,
    serverId,
    dataDir: join(folder, name),
    port: await ports.next(),
    maxConnections: 200,
  });
  if (engine === 'mysql') {
    const program = await obtainMysql(say);
    return async (layout) => startMysql(supervisor, program, await serverOptions(layout));
  }
  const program = await obtainMariadb(say);
  return async (layout) => startMariadb(supervisor, program, await serverOptions(layout));
}

function newAccounts(name: string): Accounts {
  const account = (user: string) => ({ user, password: `${name}-${randomBytes(12).toString('hex')}` });
  return { admin: account('siteshift'), replication: account('replica'), application: account('app') };
}
