import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { emptyMaps } from '../../agents/gateway/haproxy-config.ts';
import { runStep } from '../../activities/define-step.ts';
import { promoteDatabase } from '../../activities/promote-database.ts';
import type { StepTools } from '../../activities/tools.ts';
import type { Inventory } from '../../domain/schema/inventory.ts';
import { obtainEtcd, startEtcd } from '../../lab/engines/etcd.ts';
import { obtainHaproxy } from '../../lab/engines/haproxy.ts';
import { obtainNacos, startNacos } from '../../lab/engines/nacos.ts';
import { runCommand } from '../../lab/engines/run-command.ts';
import { repositoryFile } from '../../lab/sites/start-worker.ts';
import { composeText } from '../schema/compose-file.ts';
import {
  composePasswords,
  startComposed,
  writeLocalInventory,
  type ComposedServer,
} from './composed-servers.ts';
import { openTestLab, type TestLab } from './test-lab.ts';

const clusters = { orders: 'mysql', payments: 'mariadb' } as const;
type Cluster = keyof typeof clusters;
const names = (cluster: Cluster) => [`${cluster}-east-1`, `${cluster}-west-1`, `${cluster}-west-2`];

let lab: TestLab;
let servers: readonly ComposedServer[];
let inventory: Inventory;
let inventoryFile: string;
let etcdUrl: string;
let nacosUrl: string;

beforeAll(async () => {
  lab = await openTestLab();
  const etcdPorts = { client: await lab.ports.next(), peer: await lab.ports.next() };
  const nacosPort = await lab.ports.nextForNacos();
  etcdUrl = `http://127.0.0.1:${etcdPorts.client}`;
  nacosUrl = `http://127.0.0.1:${nacosPort}/nacos`;
  const [started] = await Promise.all([
    Promise.all(
      (Object.keys(clusters) as Cluster[]).flatMap((cluster) =>
        names(cluster).map((name) => startComposed(lab, name, clusters[cluster])),
      ),
    ),
    obtainEtcd(lab.say).then((program) =>
      startEtcd(lab.supervisor, {
        program,
        name: 'etcd',
        dataDir: join(lab.folder, 'etcd'),
        ports: etcdPorts,
      }),
    ),
    obtainNacos(lab.say).then((program) =>
      startNacos(lab.supervisor, program, {
        name: 'nacos',
        home: join(lab.folder, 'nacos'),
        port: nacosPort,
      }),
    ),
  ]);
  servers = started;
  inventoryFile = join(lab.folder, 'siteshift.yaml');
  inventory = writeLocalInventory(inventoryFile, servers, { nacos: nacosUrl, etcd: etcdUrl });
});
afterAll(() => lab.close());

const prepare = () =>
  runCommand(process.execPath, [repositoryFile('lab/compose/prepare.ts')], {
    env: { ...composePasswords(), SITESHIFT_INVENTORY: inventoryFile },
  });

const position = { mysql: '@@GLOBAL.gtid_executed', mariadb: '@@GLOBAL.gtid_current_pos' } as const;

type Role = 'ADMIN' | 'APP';
async function ask(name: string, role: Role, sql: string): Promise<Record<string, unknown>> {
  const server = servers.find((one) => one.name === name);
  const cluster = name.split('-')[0] ?? '';
  const connection = await createConnection({
    host: '127.0.0.1',
    port: server?.port ?? 0,
    user: role === 'ADMIN' ? 'siteshift' : 'app',
    password: composePasswords()[`${cluster.toUpperCase()}_${role}_PASSWORD`] ?? '',
  });
  try {
    const [rows] = await connection.query(sql);
    return (rows as Record<string, unknown>[])[0] ?? {};
  } finally {
    connection.destroy();
  }
}

async function restart(cluster: Cluster): Promise<void> {
  const ours = servers.filter(({ name }) => names(cluster).includes(name));
  for (const { process: server } of ours) server.kill();
  for (const { process: server } of ours) await server.gone();
  await Promise.all(ours.map(({ process: server }) => server.restart()));
}

const tools: StepTools = {
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  signal: new AbortController().signal,
  heartbeat: () => undefined,
  now: () => Date.now(),
  sleep: (ms) => sleep(ms),
  secret: async (reference) => composePasswords()[reference.replace('env:', '')] ?? '',
  reached: async () => undefined,
};

test('after the init SQL and a restart every server is closed and has an empty GTID set', async () => {
  for (const { name, engine } of servers) {
    expect(await ask(name, 'ADMIN', `SELECT @@read_only AS closed, ${position[engine]} AS gtids`)).toEqual({
      closed: 1,
      gtids: '',
    });
    await expect(ask(name, 'APP', 'CREATE TABLE app.refused (id INT)')).rejects.toThrow(/read-only/);
  }
});

test('the preparation opens the east of both clusters', async () => {
  const printed = await prepare();
  for (const cluster of Object.keys(clusters) as Cluster[]) {
    const [east, ...west] = names(cluster);
    expect(printed).toContain(`${cluster}: ${east} is open, replicated by ${west.join(' and ')}`);
  }
});

describe.each(Object.entries(clusters) as [Cluster, 'mysql' | 'mariadb'][])('%s on %s', (cluster, engine) => {
  const [east, ...west] = names(cluster) as [string, string, string];

  test('both standbys in the west acknowledge and apply what the east writes, and refuse writes', async () => {
    const clients = engine === 'mysql' ? 'Rpl_semi_sync_source_clients' : 'Rpl_semi_sync_master_clients';
    expect(await ask(east, 'ADMIN', `SHOW GLOBAL STATUS LIKE '${clients}'`)).toMatchObject({ Value: '2' });
    await ask(east, 'APP', "INSERT INTO app.writes (user, seq, unit, epoch) VALUES ('u', 1, 'east', 1)");
    for (const name of west) {
      await vi.waitFor(
        async () => expect(await ask(name, 'APP', 'SELECT COUNT(*) AS n FROM app.writes')).toEqual({ n: 1 }),
        10_000,
      );
      await expect(ask(name, 'APP', 'DELETE FROM app.writes')).rejects.toThrow(/read-only/);
    }
  });

  test('its grants are enough for a promotion: the precheck plans one', async () => {
    const definition = inventory.databases[cluster];
    if (definition === undefined) throw new Error(`no ${cluster} in the inventory`);
    const parameters = {
      database: cluster,
      cluster: definition,
      primary: east,
      fromSite: 'east',
      toSite: 'west',
      acceptableLossTransactions: 0,
    };
    const operation = { id: 'test', domain: 'shop', epoch: 0, reason: 'test', by: 'test' };
    const outcome = await runStep(
      promoteDatabase,
      { operation, step: `promote/${cluster}`, mode: 'precheck', style: 'graceful', parameters },
      tools,
    );
    expect(outcome).toMatchObject({ status: 'planned' });
  });

  test('after a restart of all of them the preparation opens the same one again', async () => {
    await restart(cluster);
    expect(await ask(east, 'ADMIN', 'SELECT @@read_only AS closed')).toEqual({ closed: 1 });
    expect(await prepare()).toContain(`${cluster}: ${east} is open, replicated by ${west.join(' and ')}`);
    await ask(east, 'APP', "INSERT INTO app.writes (user, seq, unit, epoch) VALUES ('u', 2, 'east', 1)");
  });

  test('two servers that may both have been the primary stay closed', async () => {
    const [candidate] = west;
    await restart(cluster);
    await ask(candidate, 'ADMIN', engine === 'mysql' ? 'RESET REPLICA ALL' : 'RESET SLAVE ALL');
    await expect(prepare()).rejects.toThrow(
      `${east} and ${candidate} are closed and nobody's replicas: each of them may have been the primary`,
    );
    expect(await ask(east, 'ADMIN', 'SELECT @@read_only AS closed')).toEqual({ closed: 1 });
    // As siteshift would leave it: opened by a person who knows.
    await ask(
      east,
      'ADMIN',
      engine === 'mysql'
        ? 'SET GLOBAL super_read_only = 0, GLOBAL read_only = 0'
        : 'SET GLOBAL read_only = 0',
    );
    expect(await prepare()).toContain(`${cluster}: open already: ${east}; left as it is`);
  });
});

test('the first documents are published once, and what is there is never overwritten', async () => {
  const read = async () => {
    const config = `${nacosUrl}/v3/client/cs/config?namespaceId=public&groupName=DATASOURCES&dataId=orders.json`;
    const nacos = (await (await fetch(config)).json()) as { data: { content: string } };
    const key = Buffer.from('/datasources/payments').toString('base64');
    const range = await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key }) });
    const { kvs } = (await range.json()) as { kvs: { value: string; version: string }[] };
    return {
      orders: nacos.data.content,
      payments: Buffer.from(kvs[0]?.value ?? '', 'base64').toString(),
      version: kvs[0]?.version,
    };
  };
  const first = await read();
  expect(JSON.parse(first.orders)).toMatchObject({
    epoch: 1,
    primary: 'orders-east-1',
    password: 'env:ORDERS_APP_PASSWORD',
  });
  expect(JSON.parse(first.payments)).toMatchObject({ epoch: 1, primary: 'payments-east-1', user: 'app' });
  expect(first.version).toBe('1'); // written once, by many preparations
  expect(await prepare()).not.toContain('published');
  expect(await read()).toEqual(first);
});

test('HAProxy accepts the proxy configuration', async () => {
  const program = await obtainHaproxy(lab.say);
  const folder = join(lab.folder, 'gateway');
  mkdirSync(folder);
  writeFileSync(join(folder, 'units.map'), emptyMaps.unitsMap);
  writeFileSync(join(folder, 'lease.map'), emptyMaps.leaseMap);
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, composeText('haproxy.cfg').replaceAll('/var/lib/siteshift-gateway', folder));
  expect(await runCommand(program, ['-c', '-f', file])).toContain('Configuration file is valid');
});
