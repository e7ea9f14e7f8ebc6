import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectTo } from '../../activities/databases/connection.ts';
import { createSchema, createTable, writeJournal } from '../../activities/databases/journal.ts';
import { runStep } from '../../activities/define-step.ts';
import type { PushInput } from '../../activities/observe-push.ts';
import { pushDatasource } from '../../activities/push-datasource.ts';
import type { StepTools } from '../../activities/tools.ts';
import type { FollowerOptions } from '../../agents/follower/options.ts';
import { createFollowingPool, type FollowingPool } from '../../agents/follower/following-pool.ts';
import type { Json } from '../../domain/json.ts';
import { inventorySchema, type Inventory } from '../../domain/schema/inventory.ts';
import type { PushDatasourceParameters } from '../../domain/step-parameters.ts';
import type { StepOutcome } from '../../domain/step.ts';
import { asRoot, firstRow, type Accounts, type DatabaseServer } from '../../lab/engines/database-server.ts';
import { obtainMariadb, startMariadb } from '../../lab/engines/mariadb.ts';
import { prepareServer } from '../../lab/engines/topology.ts';
import type { Supervised } from '../../lab/process/supervise.ts';
import { openTestLab, type TestLab } from '../lab/test-lab.ts';

export const accounts: Accounts = {
  admin: { user: 'siteshift', password: 'admin-word' },
  replication: { user: 'replica', password: 'replica-word' },
  application: { user: 'shop', password: 'shop-word' },
};
const secrets: { readonly [reference: string]: string } = {
  'env:ADMIN': accounts.admin.password,
  'env:REPLICA': accounts.replication.password,
  'env:SHOP': accounts.application.password,
  'env:COLLECTOR': 'collector-word',
};
export const secret = async (reference: string): Promise<string> => {
  const value = secrets[reference];
  if (value === undefined) throw new Error(`secret ${reference}: not set`);
  return value;
};

/** Two servers that know nothing of each other, each of which can be the primary, and a collector. */
export interface PushLab {
  readonly lab: TestLab;
  readonly collector: Supervised;
  readonly collectorUrl: string;
  readonly servers: { readonly [node: string]: DatabaseServer };
  open(node: string): Promise<void>;
  shut(node: string): Promise<void>;
  identity(node: string): Promise<string>;
  /** What promoteDatabase leaves behind: a row in the journal, and one open server. */
  promote(node: string, epoch: number, operation?: string): Promise<void>;
  count(node: string, sql: string): Promise<number>;
  /** Waits until so many consumers of the datasource `orders` are connected to the collector. */
  connected(count: number): Promise<void>;
  /** Empty journals, closed servers, and a collector that knows nothing. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function openPushLab(): Promise<PushLab> {
  const lab = await openTestLab();
  const program = await obtainMariadb(lab.say);
  const servers: Record<string, DatabaseServer> = {};
  for (const [index, node] of ['east-1', 'west-1'].entries()) {
    const options = {
      name: node,
      dataDir: join(lab.folder, node),
      port: await lab.ports.next(),
      serverId: 11 + index,
    };
    const server = await startMariadb(lab.supervisor, program, { ...options, maxConnections: 300 });
    await prepareServer(server, { accounts, schema: 'shop' });
    servers[node] = server;
  }
  const port = await lab.ports.next();
  const collector = await startCollectorProcess(lab, 'collector', port);
  const serverOf = (node: string): DatabaseServer => {
    const server = servers[node];
    if (server === undefined) throw new Error(`no server ${node}`);
    return server;
  };
  const run = (node: string, sql: string) => asRoot(serverOf(node), (root) => firstRow(root, sql));
  const open = async (node: string) => void (await run(node, 'SET GLOBAL read_only = 0'));
  const shut = async (node: string) => void (await run(node, 'SET GLOBAL read_only = 1'));
  const identity = async (node: string) => String((await run(node, 'SELECT @@server_id AS id'))?.['id']);
  return {
    lab,
    collector,
    collectorUrl: `http://127.0.0.1:${port}`,
    servers,
    open,
    shut,
    identity,
    promote: async (node, epoch, operation = `failover/shop/${epoch}`) => {
      for (const other of Object.keys(servers)) if (other !== node) await shut(other);
      await open(node);
      await journal(node, epoch, operation, await identity(node), servers);
    },
    count: async (node, sql) => Number(Object.values((await run(node, sql)) ?? {})[0]),
    connected: (count) =>
      eventually(`${count} consumers are connected to the collector`, async () => {
        const url = `http://127.0.0.1:${port}/v1/acknowledgements?datasource=orders&epoch=1`;
        const { connected } = (await (await fetch(url)).json()) as { connected: number };
        return connected === count ? undefined : `${connected}`;
      }),
    reset: async () => {
      for (const node of Object.keys(servers)) {
        await asRoot(serverOf(node), async (root) => {
          await root.query('SET GLOBAL read_only = 0');
          await root.query('DROP TABLE IF EXISTS siteshift.promotions');
          await root.query('SET GLOBAL read_only = 1');
        });
      }
      await collector.restart();
    },
    close: () => lab.close(),
  };
}

/** The agent as it is started in production. */
export async function startCollectorProcess(
  lab: TestLab,
  name: string,
  port: number,
  environment: { readonly [name: string]: string } = {},
): Promise<Supervised> {
  return lab.supervisor.start({
    name,
    command: process.execPath,
    args: [resolve(import.meta.dirname, '../../agents/collector/main.ts')],
    ports: { http: port },
    env: { SITESHIFT_COLLECTOR_LISTEN: `127.0.0.1:${port}`, ...environment },
    ready: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/v1/health`);
      if (response.status !== 200) throw new Error(`expected status 200, seen ${response.status}`);
    },
  });
}

async function journal(
  node: string,
  epoch: number,
  operation: string,
  identity: string,
  servers: { readonly [node: string]: DatabaseServer },
): Promise<void> {
  const { cluster } = parametersFor({ nodes: servers, centers: {}, publishTo: [] });
  const connection = await connectTo(node, cluster, stepTools());
  try {
    await createSchema(connection, 'siteshift');
    await createTable(connection, 'siteshift');
    const row = {
      epoch,
      operation,
      primary: node,
      identity,
      previous: '',
      position: '',
      durability: 'async',
    };
    await writeJournal(connection, 'siteshift', { ...row, phase: 'opened', at: Date.now() });
  } finally {
    connection.destroy();
  }
}

export interface ParameterParts {
  readonly nodes: { readonly [node: string]: DatabaseServer };
  readonly centers: { readonly [name: string]: object };
  readonly publishTo: readonly { readonly center: string; readonly key: string }[];
  readonly collectorUrl?: string;
  readonly datasource?: object;
  readonly fromSite?: string;
  readonly toSite?: string;
}

/** As the compiler would make them: through the inventory's own schema. */
export function parametersFor(parts: ParameterParts): PushDatasourceParameters {
  const nodes = Object.entries(parts.nodes).map(([node, { host, port }]) => [
    node,
    { site: node.split('-')[0], host, port },
  ]);
  const datasource = { database: 'orders', schema: 'shop', user: 'shop', password: 'env:SHOP' };
  const publishTo = parts.publishTo.length > 0 ? parts.publishTo : [{ center: 'none', key: 'none' }];
  const inventory: Inventory = inventorySchema.parse({
    version: 1,
    domain: 'shop',
    sites: { east: {}, west: {} },
    databases: {
      orders: {
        engine: 'mariadb',
        durability: 'async',
        nodes: Object.fromEntries(nodes),
        admin: { user: accounts.admin.user, password: 'env:ADMIN' },
        replication: { user: accounts.replication.user, password: 'env:REPLICA' },
      },
    },
    configCenters: parts.centers,
    datasources: { orders: { ...datasource, publishTo, ackTimeoutMs: 5_000, ...parts.datasource } },
    collectors: parts.collectorUrl === undefined ? {} : { west: { site: 'west', url: parts.collectorUrl } },
  });
  const { orders: source } = inventory.datasources;
  const { orders: cluster } = inventory.databases;
  if (source === undefined || cluster === undefined) throw new Error('the inventory lost something');
  return {
    name: 'orders',
    datasource: source,
    cluster,
    centers: inventory.configCenters,
    collectors: inventory.collectors,
    fromSite: parts.fromSite ?? 'east',
    toSite: parts.toSite ?? 'west',
  };
}

export const stepTools = (more: Partial<StepTools> = {}): StepTools => {
  const silent = () => undefined;
  return {
    log: { debug: silent, info: silent, warn: silent, error: silent },
    signal: new AbortController().signal,
    heartbeat: silent,
    now: () => Date.now(),
    sleep: (ms) => sleep(ms),
    secret,
    reached: async () => undefined,
    ...more,
  };
};

export const pushInput = (
  parameters: PushDatasourceParameters,
  epoch: number,
  more: Partial<PushInput> & { readonly operationId?: string } = {},
): PushInput => {
  const { operationId = `failover/shop/${epoch}`, ...rest } = more;
  return {
    operation: { id: operationId, domain: 'shop', epoch, reason: 'test', by: 'test' },
    step: 'push/orders',
    mode: 'apply',
    style: 'graceful',
    parameters,
    ...rest,
  };
};

export const push = (input: PushInput, tools: Partial<StepTools> = {}): Promise<StepOutcome> =>
  runStep(pushDatasource, input, stepTools(tools));

/** Followers with one way of ending them all. */
export class Followers {
  readonly #defaults: Omit<FollowerOptions, 'consumer'>;
  readonly #pools: FollowingPool[] = [];

  constructor(defaults: Omit<FollowerOptions, 'consumer'>) {
    this.#defaults = defaults;
  }

  start(consumer: string, more: Partial<FollowerOptions> = {}): FollowingPool {
    const pool = createFollowingPool({ password: secret, ...this.#defaults, consumer, ...more });
    this.#pools.push(pool);
    return pool;
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map((pool) => pool.end()));
  }
}

export async function eventually(
  wish: string,
  problem: () => Promise<string | undefined> | string | undefined,
  withinMs = 20_000,
) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await problem();
    if (seen === undefined) return;
    if (Date.now() > deadline) throw new Error(`waited ${withinMs / 1000} s until ${wish}; seen: ${seen}`);
    await sleep(20);
  }
}

export const factOf = (outcome: StepOutcome, what: string): Json =>
  outcome.evidence.find((one) => one.what.startsWith(what))?.value ?? null;
