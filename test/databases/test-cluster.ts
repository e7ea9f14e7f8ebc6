import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { runStep } from '../../activities/define-step.ts';
import { promoteDatabase } from '../../activities/promote-database.ts';
import { resolveSecret } from '../../activities/secrets.ts';
import type { StepTools } from '../../activities/tools.ts';
import { pointName } from '../../domain/promotion/points.ts';
import { inventorySchema, type DatabaseCluster } from '../../domain/schema/inventory.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import type { Account, DatabaseServer } from '../../lab/engines/database-server.ts';
import { cacheFolder } from '../../lab/engines/cache.ts';
import { reservePorts } from '../../lab/process/ports.ts';
import { openSupervisor } from '../../lab/process/supervise.ts';
import { startCluster, type LabCluster } from '../../lab/sites/start-databases.ts';

export type Engine = 'mysql' | 'mariadb';
export type Durability = 'semisync' | 'async';

/** A real cluster of three nodes: `east-1` (primary), `west-1`, `west-2`; short names, as in sentences. */
export interface TestCluster {
  readonly engine: Engine;
  readonly lab: LabCluster;
  readonly cluster: DatabaseCluster;
  readonly folder: string;
  node(name: string): DatabaseServer;
  parameters(more?: Partial<PromoteDatabaseParameters>): PromoteDatabaseParameters;
  /** One connection of this account. */
  connect(name: string, account: 'admin' | 'application' | 'root'): Promise<Connection>;
  sql(
    name: string,
    statement: string,
    account?: 'admin' | 'application' | 'root',
  ): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function startTestCluster(
  engine: Engine,
  durability: Durability,
  more: Partial<Record<'freezeTimeoutMs' | 'catchUpTimeoutMs' | 'maxLagTransactions', number>> = {},
): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-db-'));
  const say = () => undefined;
  const supervisor = await openSupervisor({ stateFolder: folder, say });
  const ports = reservePorts(cacheFolder());
  const name = engine === 'mysql' ? 'orders' : 'payments';
  const lab = await startCluster({ supervisor, ports, folder, say, name, engine, durability });
  const secret = (role: string, account: Account) => {
    const file = join(folder, `secret-${role}`);
    writeFileSync(file, account.password);
    return { user: account.user, password: `file:${file}` };
  };
  const inventory = inventorySchema.parse({
    version: 1,
    domain: 'shop',
    sites: { east: {}, west: {} },
    databases: {
      [name]: {
        engine,
        durability,
        nodes: Object.fromEntries(
          [...lab.nodes].map(([full, { layout, host, port }]) => [
            full.slice(name.length + 1),
            { site: layout.site, host, port },
          ]),
        ),
        admin: secret('admin', lab.accounts.admin),
        replication: secret('replication', lab.accounts.replication),
        ...more,
      },
    },
  });
  const cluster = inventory.databases[name];
  if (cluster === undefined) throw new Error('the inventory has lost its cluster');
  const node = (short: string): DatabaseServer => {
    const server = lab.nodes.get(`${name}-${short}`);
    if (server === undefined) throw new Error(`no node ${short}`);
    return server;
  };
  const connect = (short: string, account: 'admin' | 'application' | 'root') =>
    account === 'root'
      ? createConnection({ socketPath: node(short).socket, user: 'root' })
      : createConnection({
          host: '127.0.0.1',
          port: node(short).port,
          ...lab.accounts[account],
          connectTimeout: 2_000,
        });
  return {
    engine,
    lab,
    cluster,
    folder,
    node,
    connect,
    parameters: (rest = {}) => ({
      database: name,
      cluster,
      primary: 'east-1',
      fromSite: 'east',
      toSite: 'west',
      acceptableLossTransactions: 0,
      ...rest,
    }),
    sql: async (short, statement, account = 'admin') => {
      const connection = await connect(short, account);
      try {
        const [rows] = await connection.query(statement);
        return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
      } finally {
        connection.destroy();
      }
    },
    close: async () => {
      await supervisor.close('kill');
      ports.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const stepTools = (more: Partial<StepTools> = {}): StepTools => ({
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  signal: new AbortController().signal,
  heartbeat: () => undefined,
  now: () => Date.now(),
  sleep: (ms) => sleep(ms),
  secret: resolveSecret,
  reached: async () => undefined,
  ...more,
});

export const stepInput = (
  parameters: PromoteDatabaseParameters,
  epoch: number,
  more: Partial<StepInput<PromoteDatabaseParameters>> = {},
): StepInput<PromoteDatabaseParameters> => ({
  operation: { id: `failover/shop/${epoch}`, domain: 'shop', epoch, reason: 'test', by: 'test' },
  step: `promote/${parameters.database}`,
  mode: 'apply',
  style: 'graceful',
  parameters,
  ...more,
});

export const promote = (
  input: StepInput<PromoteDatabaseParameters>,
  tools: Partial<StepTools> = {},
): Promise<StepOutcome> => runStep(promoteDatabase, input, stepTools(tools));

/**
 * A promotion that ends at a point for good, as when its workflow is terminated: its sessions are gone, so that nothing
 * is taken back. In which words it ends depends on who notices first.
 */
export async function endPromotionAt(
  point: string,
  input: StepInput<PromoteDatabaseParameters>,
): Promise<void> {
  const lost = new AbortController();
  const ended = promote(input, {
    signal: lost.signal,
    reached: async (seen) => {
      if (seen !== pointName(point)) return;
      lost.abort();
      throw new Error('ended here for good');
    },
  });
  const how = await ended.then(
    ({ status, summary }) => `${status}, ${summary}`,
    (error: unknown) => (lost.signal.aborted ? undefined : String(error)),
  );
  if (how !== undefined) throw new Error(`expected the promotion to be ended at ${point}, saw: ${how}`);
}

/** The orchestrator's sessions to a node end, as when the server restarts; it is told at its next statement. */
export async function endSessions(cluster: TestCluster, name: string): Promise<void> {
  const table =
    cluster.engine === 'mysql' ? 'performance_schema.processlist' : 'information_schema.processlist';
  const sessions = `SELECT id FROM ${table} WHERE user = '${cluster.cluster.admin.user}'`;
  for (const row of await cluster.sql(name, sessions, 'root'))
    await cluster.sql(name, `KILL ${Number(row['id'] ?? row['ID'])}`, 'root').catch(() => []);
}

/** The journal as versions before the findings made it. */
export const oldJournal = ({ cluster }: TestCluster): readonly string[] => [
  `CREATE DATABASE IF NOT EXISTS ${cluster.journalSchema}`,
  `CREATE TABLE ${cluster.journalSchema}.promotions (
     epoch BIGINT UNSIGNED NOT NULL, phase VARCHAR(10) NOT NULL, operation VARCHAR(255) NOT NULL,
     primary_node VARCHAR(64) NOT NULL, identity VARCHAR(64) NOT NULL, previous_node VARCHAR(64) NOT NULL,
     position TEXT NOT NULL, durability VARCHAR(10) NOT NULL, at BIGINT UNSIGNED NOT NULL,
     PRIMARY KEY (epoch, phase)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
];

/** From here on the west is left for the east. */
export const backParameters = (cluster: TestCluster, primary: string): PromoteDatabaseParameters =>
  cluster.parameters({ primary, fromSite: 'west', toSite: 'east' });

/** Who was promoted, by the sentence of the outcome. */
export const promotedIn = (summary: string): string =>
  /: ([a-z]+-\d) is primary at/.exec(summary)?.[1] ?? `nobody: ${summary}`;

export const leaving = (primary: string) =>
  primary === 'east-1'
    ? { primary, fromSite: 'east', toSite: 'west' }
    : { primary, fromSite: 'west', toSite: 'east' };
