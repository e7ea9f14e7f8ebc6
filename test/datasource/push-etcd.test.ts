import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openConfigCenter, type ConfigCenterDriver } from '../../activities/config-center.ts';
import { parseDocument } from '../../domain/datasource-messages.ts';
import type { PushDatasourceParameters } from '../../domain/step-parameters.ts';
import { obtainEtcd, startEtcd } from '../../lab/engines/etcd.ts';
import { startLink, type Link } from '../../lab/process/cut.ts';
import {
  eventually,
  factOf,
  Followers,
  openPushLab,
  parametersFor,
  push,
  pushInput,
  stepTools,
  type PushLab,
} from './push-lab.ts';

let lab: PushLab;
let link: Link;
let followers: Followers;
let parameters: PushDatasourceParameters;
let driver: ConfigCenterDriver;
/** Each test has a datasource key of its own in one server. */
let at: { key: string; group: string };
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
  link = await startLink({
    listen: { host: '127.0.0.1', port: 0 },
    target: { host: '127.0.0.1', port: ports.client },
  });
});
afterAll(async () => {
  await link?.close();
  await lab?.close();
});

beforeEach(async () => {
  await lab.reset();
  tests += 1;
  at = { key: `/config/orders-${tests}`, group: 'DEFAULT_GROUP' };
  const prefix = `/siteshift-${tests}/`;
  const endpoints = [`http://127.0.0.1:${link.listen.port}`];
  const centers = { 'etcd-west': { kind: 'etcd', site: 'west', endpoints, prefix } };
  const publishTo = [{ center: 'etcd-west', key: at.key }];
  parameters = parametersFor({ nodes: lab.servers, centers, publishTo, collectorUrl: lab.collectorUrl });
  followers = new Followers({
    datasource: 'orders',
    site: 'west',
    center: { kind: 'etcd', endpoints, prefix },
    key: at.key,
    collectors: [{ url: lab.collectorUrl }],
  });
  const center = parameters.centers['etcd-west'];
  if (center === undefined) throw new Error('no center');
  driver = openConfigCenter(center, stepTools());
});
afterEach(async () => {
  await link.heal();
  await followers.endAll();
});

const held = async () => parseDocument((await driver.read(at))?.content ?? '');
const registered = (count: number) =>
  eventually(`${count} consumers are registered`, async () => {
    const seen = (await driver.consumers('orders')).length;
    return seen === count ? undefined : `${seen}`;
  });

describe('a push', () => {
  test('leads every consumer to the new primary, canary first, and is found done when it is repeated', async () => {
    await lab.promote('east-1', 1);
    const pools = ['a', 'b', 'c', 'd'].map((name) => followers.start(name));
    await registered(4);
    const first = await push(pushInput(parametersFrom('west', 'east'), 1));
    expect(first).toMatchObject({ status: 'done' });
    expect(pools.map((pool) => pool.status().primary)).toEqual(['east-1', 'east-1', 'east-1', 'east-1']);

    await lab.promote('west-1', 3);
    const points: string[] = [];
    const second = await push(pushInput(parameters, 3), {
      reached: async (point) => void points.push(point),
    });
    expect(second).toMatchObject({ status: 'done' });
    expect(second.summary).toMatch(
      /^orders: west-1 at epoch 3 published in etcd-west; 4 of 4 consumers run on it/,
    );
    expect(factOf(second, 'acknowledgements')).toMatchObject({ live: 4, acknowledged: 4 });
    expect(factOf(second, 'client sessions of shop on the old primary east-1')).toBe(0);
    expect(points).toEqual([
      'pushDatasource:before-apply',
      'pushDatasource:before-canary',
      'pushDatasource:after-canary',
      'pushDatasource:before-publish',
      'pushDatasource:after-publish',
      'pushDatasource:after-apply',
    ]);
    for (const pool of pools) {
      const [rows] = await pool.query('SELECT @@server_id AS id');
      expect(rows).toEqual([{ id: 12 }]);
    }
    expect((await held()).previous?.primary).toBe('east-1');

    await eventually('the registry has caught up', async () => {
      const entries = await driver.consumers('orders');
      return entries.every(({ epoch }) => epoch === 3) ? undefined : JSON.stringify(entries);
    });
    const again = await push(pushInput(parameters, 3));
    expect(again).toMatchObject({ status: 'already' });
    expect(again.snapshot).toMatchObject({ previous: { primary: 'east-1', epoch: 1 } });
  });

  test('has no way back: an abort leaves consumers on the primary that works, and goes nowhere near the old one', async () => {
    await lab.promote('east-1', 1);
    const pool = followers.start('a');
    await registered(1);
    await push(pushInput(parametersFrom('west', 'east'), 1));
    await lab.promote('west-1', 3);
    const done = await push(pushInput(parameters, 3));
    expect(done).toMatchObject({ status: 'done', snapshot: { previous: { primary: 'east-1' } } });
    const undone = await push(pushInput(parameters, 3, { mode: 'undo', snapshot: done.snapshot ?? null }));
    expect(undone).toMatchObject({ status: 'refused', summary: 'pushDatasource has no way back' });
    expect(await held()).toMatchObject({ primary: 'west-1', epoch: 3 });
    const [rows] = await pool.query('SELECT @@server_id AS id, @@read_only AS closed');
    expect(rows).toEqual([{ id: 12, closed: 0 }]);
  });

  test('names the consumer that refuses, and tells nobody but the canary', async () => {
    await lab.promote('east-1', 1);
    const pools = ['a', 'b', 'c'].map((name) =>
      followers.start(name, name === 'a' ? { password: noPassword } : {}),
    );
    await registered(3);
    await lab.connected(3);
    const outcome = await push(pushInput({ ...parametersFrom('west', 'east'), ...shortTime() }, 1));
    expect(outcome.status).toBe('failed');
    expect(outcome.summary).toBe(
      'orders: the first consumers do not run on east-1 within 2000 ms, the others were not told: a (no password here)',
    );
    expect(pools.map((pool) => pool.status().epoch)).toEqual([0, 0, 0]);
    expect((await held()).canary).toEqual(['a']);
  });

  test('asks another canary when the first one has died, and waits for nobody who is dead', async () => {
    await lab.promote('west-1', 1);
    const pools = ['b', 'c'].map((name) => followers.start(name));
    await registered(2);
    const leaseRunsOut = await registerDead('a');
    await registered(3);
    const canaries: unknown[] = [];
    const outcome = await push(pushInput(parameters, 1), {
      reached: async (point) => {
        if (point !== 'pushDatasource:after-canary') return;
        if (canaries.push((await held()).canary) === 1) await leaseRunsOut();
      },
    });
    expect(canaries).toEqual([['a'], ['b']]);
    expect(outcome).toMatchObject({ status: 'done', after: { live: 2, missingCount: 0 } });
    expect(pools.map((pool) => pool.status().primary)).toEqual(['west-1', 'west-1']);
  });

  test('forced, it asks no canary, goes on without the one that refuses, and says so', async () => {
    await lab.promote('east-1', 1);
    followers.start('a', { site: 'east' });
    followers.start('b', { site: 'east', password: noPassword });
    await registered(2);
    await lab.connected(2);
    const points: string[] = [];
    const outcome = await push(
      pushInput({ ...parametersFrom('west', 'east'), ...shortTime() }, 1, { style: 'forced' }),
      { reached: async (point) => void points.push(point) },
    );
    expect(outcome.status).toBe('done');
    expect(points).not.toContain('pushDatasource:before-canary');
    expect(outcome.after).toMatchObject({ live: 2, missing: ['b'], missingCount: 1 });
    expect(outcome.leftToDo).toEqual(['see to the consumers that were not waited for: b (no password here)']);
  });

  test('does not wait for consumers of a lost site, and names them', async () => {
    await lab.promote('west-1', 1);
    followers.start('a');
    followers.start('lost', { site: 'east', password: noPassword });
    await registered(2);
    const outcome = await push(pushInput(parameters, 1, { style: 'forced' }));
    expect(outcome).toMatchObject({ status: 'done' });
    expect(outcome.leftToDo).toEqual(['consumers of east that have not acknowledged: lost']);
  });

  test('waits for who is connected to a collector, too: a registry that has just restarted is empty', async () => {
    await lab.promote('west-1', 1);
    const closed = `http://127.0.0.1:${await lab.lab.ports.next()}`;
    const pool = followers.start('a', { center: { kind: 'etcd', endpoints: [closed] } });
    await lab.connected(1);
    const outcome = await push(pushInput(parameters, 1));
    expect(outcome).toMatchObject({ status: 'done', after: { live: 1, missingCount: 0 } });
    expect(outcome.leftToDo).toEqual([]);
    expect(pool.status()).toMatchObject({ primary: 'west-1', epoch: 1 });
  });

  test('names who is connected and silent, and does not fail over them: their host may be gone', async () => {
    await lab.promote('west-1', 1);
    followers.start('a');
    await registered(1);
    const gone = new AbortController();
    await fetch(`${lab.collectorUrl}/v1/stream`, {
      method: 'POST',
      body: JSON.stringify({ followers: [{ datasource: 'orders', consumer: 'gone', site: 'west' }] }),
      signal: gone.signal,
    });
    await lab.connected(2);
    const outcome = await push(pushInput({ ...parameters, ...shortTime() }, 1));
    gone.abort();
    expect(outcome).toMatchObject({ status: 'done', after: { live: 1, missingCount: 0 } });
    expect(outcome.leftToDo).toEqual([
      'consumers that are connected to a collector, stand in no registry and have not acknowledged: gone',
    ]);
  });

  test('refuses to overwrite a higher epoch, a twin and what is no document', async () => {
    await lab.promote('west-1', 5);
    followers.start('a');
    await push(pushInput(parameters, 5));
    await lab.promote('west-1', 6, 'failover/shop/other');
    const stale = await push(pushInput(parameters, 4));
    expect(stale.status).toBe('refused');
    expect(stale.details).toEqual([
      `etcd-west: ${at.key}: epoch 4 of operation failover/shop/4 refused: the target holds epoch 5 of operation failover/shop/5`,
      'orders: journal: epoch 4 of operation failover/shop/4 refused: the target holds epoch 6 of operation failover/shop/other',
    ]);
    const twin = await push(pushInput(parameters, 5, { operationId: 'failover/shop/twin' }));
    expect(twin.summary).toContain('the target holds the same epoch of operation failover/shop/5');
    expect((await held()).operation).toBe('failover/shop/5');

    const before = await driver.read(at);
    await driver.publish(at, 'spring.datasource.url: somewhere', before?.token);
    const foreign = await push(pushInput(parameters, 7));
    expect(foreign.status).toBe('refused');
    expect(foreign.summary).toBe(
      `etcd-west: ${at.key} holds something else than a datasource document (document: not JSON)`,
    );
    expect((await driver.read(at))?.content).toBe('spring.datasource.url: somewhere');
  });

  test('waits for a config center that is down, says which, and goes on when it is back', async () => {
    await lab.promote('west-1', 1);
    const pool = followers.start('a');
    await registered(1);
    const beats: unknown[] = [];
    let isCut = false;
    const outcome = push(pushInput(parameters, 1), {
      heartbeat: (details) => void beats.push(details),
      reached: async (point) => {
        if (point !== 'pushDatasource:before-publish' || isCut) return;
        isCut = true;
        await link.cut('refuse');
        setTimeout(() => void link.heal(), 1_500);
      },
    });
    expect((await outcome).status).toBe('done');
    expect(beats).toContainEqual(expect.objectContaining({ waitsFor: 'config center etcd-west' }));
    expect(pool.status()).toMatchObject({ primary: 'west-1', epoch: 1 });
  });

  test('waits for its only center also where that stands in the site that is left, which lives', async () => {
    await lab.promote('east-1', 1);
    const pool = followers.start('a');
    await registered(1);
    await link.cut('refuse');
    const beats: unknown[] = [];
    const outcome = await push(pushInput(parametersFrom('west', 'east'), 1), {
      heartbeat: (details) => {
        beats.push(details);
        void link.heal();
      },
    });
    expect(outcome).toMatchObject({ status: 'done', after: { live: 1, missingCount: 0 } });
    expect(beats[0]).toEqual([expect.stringMatching(/^config center etcd-west \(/)]);
    expect(pool.status()).toMatchObject({ primary: 'east-1', epoch: 1 });
  });

  test('gives up within its limit when the center stays down, and a repeated step finishes the work', async () => {
    await lab.promote('west-1', 1);
    followers.start('a');
    await registered(1);
    const input = pushInput(parameters, 1);
    let laterMs = 0;
    const outcome = await push(input, {
      now: () => Date.now() + laterMs,
      heartbeat: () => (laterMs = 60_000), // the first time that it waits for the center
      reached: async (point) => {
        if (point === 'pushDatasource:before-publish') await link.cut('refuse');
      },
    });
    expect(outcome.status).toBe('failed');
    expect(outcome.summary).toMatch(
      /^orders: waits for config center etcd-west \(etcd at .*\), which does not take epoch 1: /,
    );
    await link.heal();
    const again = await push(input);
    expect(again).toMatchObject({ status: 'done' });
  });

  test('is killed between publish and acknowledgement: the way back is not lost', async () => {
    await lab.promote('east-1', 1);
    followers.start('a');
    await registered(1);
    await push(pushInput(parametersFrom('west', 'east'), 1));
    await lab.promote('west-1', 2);
    const killed = push(pushInput(parameters, 2), {
      reached: async (point) => {
        if (point === 'pushDatasource:after-publish') throw new Error('killed here');
      },
    });
    await expect(killed).rejects.toThrow('killed here');
    const again = await push(pushInput(parameters, 2));
    expect(['done', 'already']).toContain(again.status);
    expect(again.snapshot).toMatchObject({ previous: { primary: 'east-1', epoch: 1 } });
  });

  test('waits for the promotion of its epoch', async () => {
    await lab.promote('east-1', 1);
    const outcome = await push(pushInput(parameters, 9), { now: quickClock() });
    expect(outcome.status).toBe('waiting');
    expect(outcome.details).toEqual(['a primary of orders in west at epoch 9: its journal ends at epoch 1']);
  });

  test('prechecks without touching anything', async () => {
    await lab.promote('east-1', 1);
    followers.start('a');
    await registered(1);
    const outcome = await push(pushInput(parameters, 0, { mode: 'precheck' }));
    expect(outcome.status).toBe('planned');
    expect(outcome.summary).toBe(
      'publish the primary of orders in west as orders in etcd-west; 1 consumers are to acknowledge',
    );
    expect(await driver.read(at)).toBeUndefined();
  });
});

describe('the driver', () => {
  test('publishes only over what was read', async () => {
    expect(await driver.publish(at, 'one', undefined)).toMatchObject({ kind: 'published' });
    expect(await driver.publish(at, 'two', undefined)).toEqual({ kind: 'conflict' });
    const seen = await driver.read(at);
    expect(seen?.content).toBe('one');
    expect(await driver.publish(at, 'two', seen?.token)).toMatchObject({ kind: 'published' });
    expect(await driver.publish(at, 'three', seen?.token)).toEqual({ kind: 'conflict' });
    expect((await driver.read(at))?.content).toBe('two');
  });

  test('lets one of twenty writers through', async () => {
    await driver.publish(at, 'start', undefined);
    const token = (await driver.read(at))?.token;
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => driver.publish(at, `writer ${index}`, token)),
    );
    expect(results.filter(({ kind }) => kind === 'published')).toHaveLength(1);
  });

  test('finds that compare-and-set is real', async () => {
    expect(await driver.probe()).toMatchObject({ isReal: true });
    expect(await driver.probe()).toMatchObject({ isReal: true });
  });
});

/** What a killed process leaves in the registry. @returns ends its lease */
const registerDead = async (consumer: string) => {
  const call = async (path: string, body: object) => {
    const url = `http://127.0.0.1:${link.listen.port}${path}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(200);
    return (await response.json()) as { readonly ID?: string };
  };
  const { ID: lease } = await call('/v3/lease/grant', { TTL: '60' });
  const entry = { consumer, site: 'west', datasource: 'orders', epoch: 0, operation: '', digest: '' };
  const [key, value] = [`/siteshift-${tests}/consumers/orders/${consumer}`, JSON.stringify(entry)].map(
    (text) => Buffer.from(text).toString('base64'),
  );
  await call('/v3/kv/put', { key, value, lease });
  return () => call('/v3/lease/revoke', { ID: lease });
};
const noPassword = () => Promise.reject(new Error('no password here'));
/** Longer than the collector, and after it the registry, need to be heard. */
const shortTime = () => ({ datasource: { ...parameters.datasource, ackTimeoutMs: 2_000 } });
const parametersFrom = (fromSite: string, toSite: string): PushDatasourceParameters => ({
  ...parameters,
  fromSite,
  toSite,
});
/** Every look at it is a minute later: a step's minute of waiting is over at once. */
const quickClock = () => {
  let now = 0;
  return () => (now += 60_000);
};
