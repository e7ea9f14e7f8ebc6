import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openConfigCenter, type ConfigCenterDriver } from '../../activities/config-center.ts';
import type { FollowerLog, FollowerOptions } from '../../agents/follower/options.ts';
import type { DatasourceDocument } from '../../domain/datasource.ts';
import { obtainEtcd, startEtcd } from '../../lab/engines/etcd.ts';
import { obtainMysql, startMysql } from '../../lab/engines/mysql.ts';
import { asRoot, firstRow } from '../../lab/engines/database-server.ts';
import { prepareServer } from '../../lab/engines/topology.ts';
import { startLink, type Link } from '../../lab/process/cut.ts';
import {
  accounts,
  eventually,
  Followers,
  openPushLab,
  parametersFor,
  stepTools,
  type PushLab,
} from './push-lab.ts';

let lab: PushLab;
let link: Link;
let followers: Followers;
let driver: ConfigCenterDriver;
let at: { key: string; group: string };
let warnings: string[];
let tests = 0;

beforeAll(async () => {
  lab = await openPushLab();
  const program = await obtainEtcd(lab.lab.say);
  const ports = { client: await lab.lab.ports.next(), peer: await lab.lab.ports.next() };
  await startEtcd(lab.lab.supervisor, {
    program,
    name: 'etcd',
    dataDir: join(lab.lab.folder, 'etcd'),
    ports,
  });
  const target = { host: '127.0.0.1', port: ports.client };
  link = await startLink({ listen: { host: '127.0.0.1', port: 0 }, target });
});
afterAll(async () => {
  await link?.close();
  await lab?.close();
});

const limits = { queueMs: 1_000, startMs: 300, warmMs: 0 };

beforeEach(async () => {
  await lab.reset();
  await lab.open('east-1');
  tests += 1;
  at = { key: `/config/orders-${tests}`, group: 'DEFAULT_GROUP' };
  warnings = [];
  const silent = () => undefined;
  const warn = (fields: object, message: string) =>
    void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const log: FollowerLog = { debug: silent, info: silent, warn, error: warn };
  const endpoints = [`http://127.0.0.1:${link.listen.port}`];
  const prefix = `/siteshift-${tests}/`;
  const centers = { etcd: { kind: 'etcd', site: 'west', endpoints, prefix } };
  const { centers: parsed } = parametersFor({
    nodes: lab.servers,
    centers,
    publishTo: [{ center: 'etcd', key: at.key }],
  });
  if (parsed['etcd'] === undefined) throw new Error('no center');
  driver = openConfigCenter(parsed['etcd'], stepTools());
  followers = new Followers({
    datasource: 'orders',
    site: 'west',
    center: { kind: 'etcd', endpoints, prefix },
    key: at.key,
    collectors: [{ url: lab.collectorUrl }],
    log,
    limits,
  });
});
afterEach(async () => {
  await link.heal();
  await followers.endAll();
});

const documentOf = async (node: string, epoch: number, more: Partial<DatasourceDocument> = {}) => ({
  epoch,
  operation: `failover/shop/${epoch}`,
  datasource: 'orders',
  domain: 'shop',
  engine: 'mariadb' as const,
  primary: node,
  host: '127.0.0.1',
  port: lab.servers[node]?.port ?? 0,
  schema: 'shop',
  user: 'shop',
  password: 'env:SHOP',
  serverIdentity: await lab.identity(node),
  ...more,
});
const publish = async (document: DatasourceDocument | string) => {
  const content = typeof document === 'string' ? document : JSON.stringify(document);
  const published = await driver.publish(at, content, (await driver.read(at))?.token);
  expect(published.kind).toBe('published');
};
/** Moves the openness and tells of it. */
const moveTo = async (node: 'east-1' | 'west-1', epoch: number) => {
  await lab.open(node);
  await lab.shut(node === 'east-1' ? 'west-1' : 'east-1');
  await publish(await documentOf(node, epoch));
};
const serverId = async (pool: { query(sql: string): Promise<unknown> }) =>
  ((await pool.query('SELECT @@server_id AS id')) as [{ id: number }[]])[0][0]?.id;
const acknowledged = async (epoch: number): Promise<readonly { consumer: string; refused?: string }[]> => {
  const response = await fetch(`${lab.collectorUrl}/v1/acknowledgements?datasource=orders&epoch=${epoch}`);
  return ((await response.json()) as { acknowledgements: { consumer: string; refused?: string }[] })
    .acknowledgements;
};
const sessions = (node: string) =>
  lab.count(node, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'shop'");
const started = async (more: Partial<FollowerOptions> = {}) => {
  const pool = followers.start('a', more);
  await pool.ready();
  return pool;
};
const isAt = (pool: { status(): { epoch: number } }, epoch: number) =>
  eventually(`it runs on epoch ${epoch}`, () =>
    pool.status().epoch === epoch ? undefined : JSON.stringify([pool.status(), warnings]),
  );

describe('a switch', () => {
  test('lets queries wait and go on at the new primary, none of them lost', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    const answers: (number | undefined)[] = [];
    const over = new AbortController();
    const load = async () => {
      while (!over.signal.aborted) answers.push(await serverId(pool));
    };
    const loads = [load(), load(), load()];
    await sleep(100);
    await moveTo('west-1', 2);
    await isAt(pool, 2);
    await sleep(100);
    over.abort();
    await Promise.all(loads);
    const first = answers.indexOf(12);
    expect(first).toBeGreaterThan(0);
    // Three callers at once: an answer from before may still arrive among the first ones from after.
    expect(answers.slice(first + 3).every((id) => id === 12)).toBe(true);
    await eventually('the old pool is gone', async () =>
      (await sessions('east-1')) === 0 ? undefined : 'not yet',
    );
  });

  test('leaves a connection that is in use at the old server until it is released', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    const connection = await pool.getConnection();
    await connection.query('START TRANSACTION');
    await moveTo('west-1', 2);
    await isAt(pool, 2);
    expect(await serverId(connection)).toBe(11);
    expect(await serverId(pool)).toBe(12);
    connection.release();
    await eventually('the old pool is gone', async () =>
      (await sessions('east-1')) === 0 ? undefined : 'not yet',
    );
  });

  test('cuts what is still in use after the drain time', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started({ limits: { drainMs: 200, warmMs: 0 } });
    const connection = await pool.getConnection();
    await moveTo('west-1', 2);
    await isAt(pool, 2);
    await eventually('the old session is cut', async () =>
      (await sessions('east-1')) === 0 ? undefined : 'not yet',
    );
    await expect(connection.query('SELECT 1')).rejects.toThrow('closed state');
  });

  test('uses the connection that was open to the next primary before', async () => {
    const candidates = Object.entries(lab.servers).map(([node, { host, port }]) => ({ node, host, port }));
    const [east, west] = [candidates.slice(1), candidates.slice(0, 1)];
    await publish(await documentOf('east-1', 1, { candidates: east }));
    const pool = await started({ limits: { warmMs: 50 } });
    await eventually('a standby is warm', async () =>
      (await sessions('west-1')) === 1 ? undefined : 'not yet',
    );
    const query = "SELECT MAX(id) FROM information_schema.processlist WHERE user = 'shop'";
    const session = await lab.count('west-1', query);
    await lab.open('west-1');
    await publish(await documentOf('west-1', 2, { candidates: west }));
    await isAt(pool, 2);
    const [rows] = await pool.query('SELECT CONNECTION_ID() AS id');
    expect(rows).toEqual([{ id: session }]);
  });

  test('to the same server proves it again and keeps the pool', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    const [before] = await pool.query('SELECT CONNECTION_ID() AS id');
    await publish(await documentOf('east-1', 2));
    await isAt(pool, 2);
    const [after] = await pool.query('SELECT CONNECTION_ID() AS id');
    expect(after).toEqual(before);
  });
});

describe('a document is not applied', () => {
  test('when another server answers at its address', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    await publish(await documentOf('east-1', 2, { primary: 'west-1', serverIdentity: '12' }));
    const where = `127.0.0.1:${lab.servers['east-1']?.port}`;
    const reason = `${where} is not west-1: expected server identity 12, seen 11`;
    await eventually('it refuses', () =>
      pool.status().refused === reason ? undefined : JSON.stringify(pool.status()),
    );
    expect(pool.status()).toMatchObject({ epoch: 1, primary: 'east-1' });
    await eventually('the collector knows why', async () => {
      const [said] = await acknowledged(2);
      return said?.refused === reason ? undefined : JSON.stringify(said);
    });
    await expect(pool.query('SELECT 1')).rejects.toThrow(
      `datasource orders is switching to west-1 (epoch 2): ${reason}; waited 1000 ms`,
    );
  });

  test('while the server takes no writes, and is as soon as it does', async () => {
    await publish(await documentOf('east-1', 1));
    // It tries again after up to a second, and opening a server takes its time on a busy machine.
    const pool = await started({ limits: { ...limits, queueMs: 10_000 } });
    await publish(await documentOf('west-1', 2));
    const reason = `west-1 at 127.0.0.1:${lab.servers['west-1']?.port} does not take writes: expected read_only 0, seen 1`;
    await eventually('it refuses', () =>
      pool.status().refused === reason ? undefined : JSON.stringify(pool.status()),
    );
    const waiting = serverId(pool);
    await lab.open('west-1');
    expect(await waiting).toBe(12);
    expect(pool.status().refused).toBeUndefined();
    await eventually('it has acknowledged', async () => {
      const [said] = await acknowledged(2);
      return said !== undefined && said.refused === undefined ? undefined : JSON.stringify(said);
    });
  });

  test('of a lower epoch or a twin, whoever brings it', async () => {
    await publish(await documentOf('east-1', 5));
    const pool = await started();
    await lab.open('west-1');
    await publish(await documentOf('west-1', 4));
    await publish(await documentOf('west-1', 5, { operation: 'failover/shop/twin' }));
    await eventually('both are refused', () => (warnings.length === 2 ? undefined : `${warnings.length}`));
    expect(warnings[0]).toContain('the target holds epoch 5 of operation failover/shop/5');
    expect(warnings[1]).toContain('the target holds the same epoch of operation failover/shop/5');
    expect(await serverId(pool)).toBe(11);
    await lab.open('west-1');
    await publish(await documentOf('west-1', 6));
    await isAt(pool, 6);
  });

  test('when it is none', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    await publish('spring.datasource.url: somewhere');
    await eventually('it is told', () => (warnings.length === 1 ? undefined : `${warnings.length}`));
    expect(warnings[0]).toContain('what the config center holds is no document; ignored');
    expect(await serverId(pool)).toBe(11);
  });

  test('when its canary is somebody else', async () => {
    await publish(await documentOf('east-1', 1));
    const [a, b] = [followers.start('a'), followers.start('b')];
    await Promise.all([a.ready(), b.ready()]);
    await lab.open('west-1');
    await publish(await documentOf('west-1', 2, { canary: ['b'] }));
    await isAt(b, 2);
    expect(a.status().epoch).toBe(1);
    await publish(await documentOf('west-1', 2));
    await isAt(a, 2);
  });

  test('when the password cannot be had, which is named without a secret', async () => {
    await publish(await documentOf('east-1', 1, { password: 'env:NOT_SET' }));
    const pool = followers.start('a');
    await eventually('it refuses', () => (pool.status().refused === undefined ? 'not yet' : undefined));
    expect(pool.status().refused).toBe('secret env:NOT_SET: not set');
  });
});

describe('a connection', () => {
  test('that the pool opens later is proven, too', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    const first = await pool.getConnection();
    await lab.shut('east-1');
    await expect(pool.getConnection()).rejects.toThrow('does not take writes: expected read_only 0, seen 1');
    first.release();
  });

  test('is waited for only within the limits', async () => {
    const pool = followers.start('a', { limits: { queue: 2, queueMs: 300 } });
    const waiting = [pool.query('SELECT 1'), pool.query('SELECT 1')];
    for (const one of waiting) one.catch(() => undefined);
    await expect(pool.query('SELECT 1')).rejects.toThrow(
      'datasource orders: no document has come yet; 2 callers wait already, which is the limit',
    );
    await expect(waiting[0]).rejects.toThrow('datasource orders: no document has come yet; waited 300 ms');
  });

  test('is not given any more after the end', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started();
    await pool.end();
    await expect(pool.query('SELECT 1')).rejects.toThrow('datasource orders: the pool was closed');
    await eventually('no session is left', async () =>
      (await sessions('east-1')) === 0 ? undefined : 'some',
    );
  });
});

describe('the document on disk', () => {
  const file = () => join(lab.lab.folder, `snapshot-${tests}.json`);
  test('is kept after a switch and holds against a center that has forgotten it', async () => {
    await publish(await documentOf('east-1', 1));
    const pool = await started({ snapshotFile: file() });
    await moveTo('west-1', 7);
    await isAt(pool, 7);
    await pool.end();
    expect(JSON.parse(await readFile(file(), 'utf8'))).toMatchObject({ epoch: 7, primary: 'west-1' });
    // An old backup was restored in the center, and the old primary takes writes again: nobody may go back.
    await lab.open('east-1');
    await publish(await documentOf('east-1', 5));
    const again = await started({ snapshotFile: file() });
    expect(again.status()).toMatchObject({ epoch: 7, primary: 'west-1' });
    // It may run by the document on disk before the center's has come.
    const refusal = 'the target holds epoch 7 of operation failover/shop/7';
    await eventually('the older document is refused', () =>
      warnings.join().includes(refusal) ? undefined : warnings.join(),
    );
    expect(again.status()).toMatchObject({ epoch: 7, primary: 'west-1' });
    expect(await serverId(again)).toBe(12);
  });

  test('that is older than the center is not used', async () => {
    await writeFile(file(), JSON.stringify(await documentOf('east-1', 1)));
    await moveTo('west-1', 2);
    const pool = await started({ snapshotFile: file() });
    expect(pool.status()).toMatchObject({ epoch: 2, primary: 'west-1' });
  });

  test('serves a start without a config center, if the primary can be proven', async () => {
    await writeFile(file(), JSON.stringify(await documentOf('east-1', 1)));
    await link.cut('refuse');
    const pool = await started({ snapshotFile: file() });
    expect(pool.status()).toMatchObject({ epoch: 1, primary: 'east-1' });
    await lab.shut('east-1');
    const second = followers.start('b', { snapshotFile: file() });
    await eventually('it refuses', () =>
      second.status().refused?.includes('does not take writes') ? undefined : 'not yet',
    );
  });

  test('that is damaged, or of another datasource, is named and left alone', async () => {
    await writeFile(file(), '{"epoch": 9');
    await publish(await documentOf('east-1', 1));
    const pool = await started({ snapshotFile: file() });
    expect(warnings.join()).toContain('the document on disk is unusable');
    expect(pool.status().epoch).toBe(1);
    await writeFile(file(), JSON.stringify(await documentOf('east-1', 9, { datasource: 'stock' })));
    const second = followers.start('b', { snapshotFile: file() });
    await second.ready();
    expect(warnings.join()).toContain('expected datasource orders, seen stock');
    expect(second.status().epoch).toBe(1);
  });
});

describe('a lost connection', () => {
  test.each(['refuse', 'drop'] as const)(
    'to the center (%s) is made again, and nothing is missed',
    async (how) => {
      await publish(await documentOf('east-1', 1));
      const pool = await started({ collectors: [] });
      await link.cut(how);
      await lab.open('west-1');
      const direct = parametersFor({
        nodes: lab.servers,
        centers: {
          etcd: { kind: 'etcd', site: 'west', endpoints: [`http://127.0.0.1:${link.target.port}`] },
        },
        publishTo: [{ center: 'etcd', key: at.key }],
      }).centers['etcd'];
      if (direct === undefined) throw new Error('no center');
      const beside = openConfigCenter(direct, stepTools());
      const token = (await beside.read(at))?.token;
      await beside.publish(at, JSON.stringify(await documentOf('west-1', 2)), token);
      expect(pool.status().epoch).toBe(1);
      await link.heal();
      await isAt(pool, 2);
      await eventually('it is registered again', async () => {
        const [entry] = await driver.consumers('orders');
        return entry?.epoch === 2 ? undefined : JSON.stringify(entry);
      });
    },
  );

  test('to a collector that has forgotten all leads to a new acknowledgement', async () => {
    await publish(await documentOf('east-1', 1));
    await started();
    await eventually('it is heard', async () =>
      (await acknowledged(1)).length === 1 ? undefined : 'not yet',
    );
    await lab.collector.restart();
    await eventually('it is heard again', async () =>
      (await acknowledged(1)).length === 1 ? undefined : 'not yet',
    );
    expect(await acknowledged(1)).toMatchObject([{ consumer: 'a', epoch: 1 }]);
  });
});

test('MySQL is proven by its server_uuid', async () => {
  const program = await obtainMysql(lab.lab.say);
  const options = {
    name: 'mysql',
    dataDir: join(lab.lab.folder, 'mysql'),
    port: await lab.lab.ports.next(),
    serverId: 21,
  };
  const server = await startMysql(lab.lab.supervisor, program, options);
  await prepareServer(server, { accounts, schema: 'shop' });
  const run = (sql: string) => asRoot(server, (root) => firstRow(root, sql));
  const uuid = String((await run('SELECT @@server_uuid AS id'))?.['id']);
  const mysql = { engine: 'mysql' as const, port: server.port, primary: 'mysql-1' };
  await publish(await documentOf('east-1', 1, { ...mysql, serverIdentity: uuid }));
  const pool = followers.start('a');
  await eventually('it refuses', () =>
    pool.status().refused?.includes('does not take writes') ? undefined : 'not yet',
  );
  await run('SET GLOBAL super_read_only = 0');
  await run('SET GLOBAL read_only = 0');
  await pool.ready();
  expect(await serverId(pool)).toBe(21);
  await publish(
    await documentOf('east-1', 2, { ...mysql, serverIdentity: '00000000-0000-0000-0000-000000000000' }),
  );
  await eventually('it refuses', () =>
    pool.status().refused?.includes(`seen ${uuid}`) ? undefined : 'not yet',
  );
});
