import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openConfigCenter, type ConfigCenterDriver } from '../../activities/config-center.ts';
import { parseDocument } from '../../domain/datasource-messages.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import type { PushDatasourceParameters } from '../../domain/step-parameters.ts';
import { obtainNacos, startNacos } from '../../lab/engines/nacos.ts';
import type { Supervised } from '../../lab/process/supervise.ts';
import { startHeaderProxy, type HeaderProxy } from './header-proxy.ts';
import {
  eventually,
  Followers,
  openPushLab,
  parametersFor,
  push,
  pushInput,
  stepTools,
  type PushLab,
} from './push-lab.ts';

let lab: PushLab;
let nacos: Supervised;
let url: string;
let followers: Followers;
let parameters: PushDatasourceParameters;
let driver: ConfigCenterDriver;
let at: { key: string; group: string };
const proxies: HeaderProxy[] = [];
let tests = 0;

beforeAll(async () => {
  lab = await openPushLab();
  const program = await obtainNacos(lab.lab.say);
  const port = await lab.lab.ports.nextForNacos();
  nacos = await startNacos(lab.lab.supervisor, program, {
    name: 'nacos',
    home: join(lab.lab.folder, 'nacos'),
    port,
  });
  url = `http://127.0.0.1:${port}/nacos`;
});
afterAll(() => lab?.close());

beforeEach(async () => {
  await lab.reset();
  tests += 1;
  at = { key: `orders-${tests}.json`, group: 'DEFAULT_GROUP' };
  parameters = parametersAt(url);
  driver = driverAt(url);
  followers = new Followers({
    datasource: 'orders',
    site: 'west',
    center: { kind: 'nacos', url },
    key: at.key,
    collectors: [{ url: lab.collectorUrl }],
  });
});
afterEach(async () => {
  await followers.endAll();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  await registered(0);
});

function parametersAt(center: string): PushDatasourceParameters {
  return parametersFor({
    nodes: lab.servers,
    centers: { 'nacos-west': { kind: 'nacos', site: 'west', url: center } },
    publishTo: [{ center: 'nacos-west', key: at.key }],
    collectorUrl: lab.collectorUrl,
  });
}

function driverAt(center: string): ConfigCenterDriver {
  const { configCenters } = inventorySchema.parse({
    version: 1,
    domain: 'shop',
    sites: { east: {}, west: {} },
    configCenters: { nacos: { kind: 'nacos', site: 'west', url: center } },
  });
  if (configCenters['nacos'] === undefined) throw new Error('no center');
  return openConfigCenter(configCenters['nacos'], stepTools());
}

async function proxyTo(options: Omit<Parameters<typeof startHeaderProxy>[0], 'target'>): Promise<string> {
  const { hostname, port } = new URL(url);
  const proxy = await startHeaderProxy({ ...options, target: { host: hostname, port: Number(port) } });
  proxies.push(proxy);
  return proxy.url;
}

const withoutCas = () =>
  proxyTo({
    headers: (given) => Object.fromEntries(Object.entries(given).filter(([name]) => name !== 'casmd5')),
  });

const registered = (count: number) =>
  eventually(`${count} consumers are registered`, async () => {
    const seen = (await driver.consumers('orders')).length;
    return seen === count ? undefined : `${seen}`;
  });

describe('a push', () => {
  test('leads every consumer to the new primary over gRPC, and back by the next push', async () => {
    await lab.promote('east-1', 1);
    const pools = ['a', 'b', 'c'].map((name) => followers.start(name));
    await registered(3);
    const first = await push(pushInput({ ...parameters, fromSite: 'west', toSite: 'east' }, 1));
    expect(first).toMatchObject({ status: 'done' });
    await lab.promote('west-1', 3);
    const second = await push(pushInput(parameters, 3));
    expect(second).toMatchObject({ status: 'done' });
    expect(second.summary).toMatch(/^orders: west-1 at epoch 3 published in nacos-west; 3 of 3 consumers/);
    expect(pools.map((pool) => pool.status().primary)).toEqual(['west-1', 'west-1', 'west-1']);
    await lab.promote('east-1', 4);
    const back = await push(pushInput({ ...parameters, fromSite: 'west', toSite: 'east' }, 4));
    expect(back).toMatchObject({ status: 'done' });
    expect(pools.map((pool) => pool.status().primary)).toEqual(['east-1', 'east-1', 'east-1']);
    await eventually('the registry has caught up', async () => {
      const entries = await driver.consumers('orders');
      return entries.every(({ epoch }) => epoch === 4) ? undefined : JSON.stringify(entries);
    });
  });

  test('reaches its consumers without a collector: the registry acknowledges', async () => {
    await lab.promote('west-1', 1);
    followers.start('a', { collectors: [] });
    await registered(1);
    const outcome = await push(pushInput({ ...parameters, collectors: {} }, 1));
    expect(outcome).toMatchObject({ status: 'done' });
    expect(outcome.evidence[0]?.value).toMatchObject({ acknowledged: 1, viaRegistryOnly: 1 });
  });

  test('hands the document to consumers whom the center does not reach', async () => {
    await lab.promote('west-1', 1);
    const pool = followers.start('a', { key: 'another-key.json' });
    await registered(1);
    await lab.connected(1);
    const outcome = await push(pushInput(parameters, 1));
    expect(outcome).toMatchObject({ status: 'done' });
    expect(outcome.details).toEqual(['1 documents were handed over directly by the collectors']);
    expect(pool.status()).toMatchObject({ primary: 'west-1', epoch: 1 });
  });

  test.each([
    { api: 'v2', absent: ['/nacos/v3/admin/', '/nacos/v3/client/'] },
    { api: 'v1', absent: ['/nacos/v3/', '/nacos/v2/'] },
  ])('speaks $api to a server that has nothing newer', async ({ api, absent }) => {
    await lab.promote('west-1', 1);
    const pool = followers.start('a');
    await registered(1);
    const asked = new Set<string>();
    const old = await proxyTo({
      isAbsent: (path) => {
        const isAbsent = absent.some((start) => path.startsWith(start));
        if (!isAbsent) asked.add(path.split('/')[2] ?? '');
        return isAbsent;
      },
    });
    const outcome = await push(pushInput(parametersAt(old), 1));
    expect(outcome).toMatchObject({ status: 'done' });
    expect([...asked]).toEqual([api]);
    expect(pool.status()).toMatchObject({ primary: 'west-1', epoch: 1 });
    expect(parseDocument((await driver.read(at))?.content ?? '')).toMatchObject({ epoch: 1 });
  });

  test('refuses a center that ignores compare-and-set, in words, and publishes nothing', async () => {
    await lab.promote('west-1', 1);
    const unsafe = await withoutCas();
    const outcome = await push(pushInput(parametersAt(unsafe), 1));
    expect(outcome.status).toBe('refused');
    expect(outcome.summary).toBe(
      `nacos-west: Nacos at ${unsafe} published in spite of a wrong casMd5: it (or something in front of it) ignores compare-and-set, so a late or second orchestrator could overwrite a newer datasource`,
    );
    expect(await driver.read(at)).toBeUndefined();
  });

  test('is killed after the publish, and the registry cannot be read: nobody is taken for led', async () => {
    await lab.promote('west-1', 1);
    followers.start('a');
    await registered(1);
    let failures = 0;
    const broken = parametersAt(
      await proxyTo({ isAbsent: (path) => path.includes('/instance/list') && failures-- > 0 }),
    );
    const killed = push(pushInput(broken, 1), {
      reached: async (point) => {
        if (point === 'pushDatasource:after-publish') throw new Error('killed here');
      },
    });
    await expect(killed).rejects.toThrow('killed here');
    failures = 2;
    const again = await push(pushInput(broken, 1));
    expect(again).toMatchObject({ status: 'done', after: { live: 1, missingCount: 0 } });
    expect(again.summary).toContain('1 of 1 consumers run on it');
  });

  test('survives a restart of the center between two pushes, and so do its consumers', async () => {
    await lab.promote('east-1', 1);
    const pool = followers.start('a');
    await registered(1);
    await push(pushInput({ ...parameters, fromSite: 'west', toSite: 'east' }, 1));
    nacos.kill();
    await nacos.gone();
    const [rows] = await pool.query('SELECT @@server_id AS id');
    expect(rows).toEqual([{ id: 11 }]);
    await nacos.restart();
    await registered(1);
    await lab.promote('west-1', 2);
    const outcome = await push(pushInput(parameters, 2));
    expect(outcome).toMatchObject({ status: 'done' });
    expect(pool.status()).toMatchObject({ primary: 'west-1', epoch: 2 });
  });

  test('leads consumers that only reach the first HTTP API', async () => {
    await lab.promote('west-1', 1);
    const closed = await lab.lab.ports.next();
    const pool = followers.start('a', { center: { kind: 'nacos', url, grpcPort: closed } });
    await registered(1);
    const outcome = await push(pushInput(parameters, 1));
    expect(outcome).toMatchObject({ status: 'done' });
    expect(pool.status()).toMatchObject({ primary: 'west-1', epoch: 1 });
  });
});

describe.each([
  { api: 'v3', absent: [] },
  { api: 'v2', absent: ['/nacos/v3/'] },
  { api: 'v1', absent: ['/nacos/v3/', '/nacos/v2/'] },
])('the driver, where the server has $api', ({ absent }) => {
  let through: ConfigCenterDriver;
  beforeEach(async () => {
    through = driverAt(await proxyTo({ isAbsent: (path) => absent.some((start) => path.startsWith(start)) }));
  });

  test('publishes only over what was read', async () => {
    expect(await through.read(at)).toBeUndefined();
    expect(await through.publish(at, 'one', undefined)).toMatchObject({ kind: 'published' });
    expect(await through.publish(at, 'two', undefined)).toEqual({ kind: 'conflict' });
    const seen = await through.read(at);
    expect(seen?.content).toBe('one');
    expect(await through.publish(at, 'zwei – 二', seen?.token)).toMatchObject({ kind: 'published' });
    expect((await through.read(at))?.content).toBe('zwei – 二');
    expect(await through.publish(at, 'three', seen?.token)).toEqual({ kind: 'conflict' });
  });

  test('lets one of twenty writers through', async () => {
    await through.publish(at, 'start', undefined);
    const token = (await through.read(at))?.token;
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => through.publish(at, `writer ${index}`, token)),
    );
    expect(results.filter(({ kind }) => kind === 'published')).toHaveLength(1);
  });

  test('tries compare-and-set, and lists consumers', async () => {
    expect(await through.probe()).toMatchObject({ isReal: true });
    followers.start('a');
    await eventually('the consumer is listed', async () => {
      const entries = await through.consumers('orders');
      return entries.length === 1 && entries[0]?.consumer === 'a' ? undefined : JSON.stringify(entries);
    });
  });
});

describe('the driver', () => {
  test('says which APIs it looked for when there is none', async () => {
    const nothing = driverAt(await proxyTo({ isAbsent: () => true }));
    await expect(nothing.read(at)).rejects.toThrow(
      /expected one of Nacos' HTTP APIs, seen v3: status 404, v2: status 404, v1: status 404$/,
    );
  });

  test('reads what a publish through a server without compare-and-set did: the probe, not luck, finds it', async () => {
    const unsafe = driverAt(await withoutCas());
    expect(await unsafe.probe()).toMatchObject({ isReal: false });
    await unsafe.publish(at, 'one', undefined);
    expect(await unsafe.publish(at, 'two', undefined)).toMatchObject({ kind: 'published' });
    expect((await driver.read(at))?.content).toBe('two');
    expect(() => parseDocument('two')).toThrow('document: not JSON');
  });
});
