import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startCollector, type Collector } from '../../agents/collector/collector.ts';
import { readCollectorConfig, type CollectorConfig } from '../../agents/collector/config.ts';
import { readLines } from '../../agents/follower/http-client.ts';
import type { Acknowledgement, DatasourceDocument } from '../../domain/datasource.ts';
import { eventually } from './push-lab.ts';

const document: DatasourceDocument = {
  epoch: 5,
  operation: 'failover/shop/5',
  datasource: 'orders',
  domain: 'shop',
  engine: 'mariadb',
  primary: 'west-1',
  host: 'west-1.example',
  port: 3306,
  schema: 'shop',
  user: 'shop',
  password: 'env:SHOP',
  serverIdentity: '12',
};
const acknowledgement: Acknowledgement = {
  epoch: 5,
  operation: 'failover/shop/5',
  datasource: 'orders',
  consumer: 'a',
  digest: '0'.repeat(64),
  appliedAt: 1,
  via: 'center',
};
const quiet = { info: () => undefined, warn: () => undefined };
const open = (more: Partial<CollectorConfig> = {}) =>
  startCollector({ host: '127.0.0.1', port: 0, ...more }, quiet);

let collector: Collector;
let streams: AbortController;
const url = (path: string, at = collector) => `http://127.0.0.1:${at.port}${path}`;

beforeEach(async () => {
  collector = await open();
  streams = new AbortController();
});
afterEach(async () => {
  streams.abort();
  await collector.close();
});

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  at = collector,
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url(path, at), {
    method,
    headers,
    ...(body === undefined ? {} : { body: text }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

interface Handed {
  readonly document: DatasourceDocument;
  readonly to: readonly string[];
}

/** Connects consumers over one stream; what it is handed lands in the list. */
async function connect(...consumers: string[]): Promise<Handed[]> {
  const handed: Handed[] = [];
  let isOpen = false;
  readLines(
    {
      method: 'POST',
      url: url('/v1/stream'),
      body: JSON.stringify({
        followers: consumers.map((consumer) => ({ datasource: 'orders', consumer, site: 'west' })),
      }),
      signal: streams.signal,
      silenceMs: 20_000,
      opened: () => (isOpen = true),
    },
    (line) => {
      const { document: given, to = [] } = JSON.parse(line) as {
        document?: DatasourceDocument;
        to?: string[];
      };
      if (given !== undefined) handed.push({ document: given, to });
    },
  ).catch(() => undefined);
  await eventually(`${consumers.join()} is connected`, () => (isOpen ? undefined : 'not yet'));
  return handed;
}

describe('acknowledgements', () => {
  test('wait for the one who asks, and are told once', async () => {
    const first = await ask('GET', '/v1/acknowledgements?datasource=orders&epoch=5');
    expect(first.body).toMatchObject({
      bootId: collector.bootId,
      sequence: 0,
      acknowledgements: [],
      connected: 0,
    });
    const path = `/v1/acknowledgements?datasource=orders&epoch=5&boot=${collector.bootId}&waitMs=10000`;
    const waiting = ask('GET', `${path}&since=0`);
    const taken = await ask('POST', '/v1/acknowledgements', { acknowledgements: [acknowledgement] });
    expect(taken).toEqual({ status: 200, body: { taken: 1 } });
    const heard = await waiting;
    expect(heard.body).toMatchObject({ sequence: 1, acknowledgements: [acknowledgement] });
    const nothing = await ask('GET', `${path.replace('10000', '50')}&since=1`);
    expect(nothing.body).toMatchObject({ sequence: 1, acknowledgements: [] });
  });

  test('are told anew to one who counted at another boot, and only those of the epoch', async () => {
    const other = { ...acknowledgement, consumer: 'b', epoch: 6, operation: 'failover/shop/6' };
    await ask('POST', '/v1/acknowledgements', { acknowledgements: [acknowledgement, other] });
    const heard = await ask('GET', '/v1/acknowledgements?datasource=orders&epoch=5&boot=another&since=99');
    expect(heard.body['acknowledgements']).toEqual([acknowledgement]);
  });

  test('that are overtaken by a higher epoch are dropped', async () => {
    const higher = { ...acknowledgement, epoch: 6, operation: 'failover/shop/6' };
    await ask('POST', '/v1/acknowledgements', { acknowledgements: [higher, acknowledgement] });
    expect(
      (await ask('GET', '/v1/acknowledgements?datasource=orders&epoch=5')).body['acknowledgements'],
    ).toEqual([]);
    expect(
      (await ask('GET', '/v1/acknowledgements?datasource=orders&epoch=6')).body['acknowledgements'],
    ).toEqual([higher]);
  });

  test('of one message are taken all or none', async () => {
    const given = [acknowledgement, { ...acknowledgement, epoch: -1 }];
    expect((await ask('POST', '/v1/acknowledgements', { acknowledgements: given })).status).toBe(400);
    expect(
      (await ask('GET', '/v1/acknowledgements?datasource=orders&epoch=5')).body['acknowledgements'],
    ).toEqual([]);
  });
});

test('who is connected is told by name and site, until the stream ends', async () => {
  const path = '/v1/consumers?datasource=orders';
  expect((await ask('GET', path)).body).toEqual({ bootId: collector.bootId, consumers: [] });
  await connect('a', 'b');
  expect((await ask('GET', path)).body['consumers']).toEqual([
    { consumer: 'a', site: 'west' },
    { consumer: 'b', site: 'west' },
  ]);
  streams.abort();
  await eventually('nobody is connected', async () => {
    const { consumers } = (await ask('GET', path)).body;
    return JSON.stringify(consumers) === '[]' ? undefined : JSON.stringify(consumers);
  });
});

describe('documents', () => {
  test('reach the consumers that are meant and have not acknowledged', async () => {
    const [a, b] = [await connect('a'), await connect('b')];
    const first = await ask('POST', '/v1/documents', { document, to: ['a', 'nobody'] });
    expect(first.body).toEqual({ handed: 1, connected: 2 });
    await eventually('a has it', () => (a.length === 1 ? undefined : `${a.length}`));
    expect(b).toEqual([]);
  });

  test('go to everybody where nobody is named, but a canary edition only to the canary', async () => {
    const [a, b] = [await connect('a'), await connect('b')];
    await ask('POST', '/v1/documents', { document: { ...document, canary: ['a'] } });
    await eventually('a has it', () => (a.length === 1 ? undefined : `${a.length}`));
    expect(b).toEqual([]);
    const formal = await ask('POST', '/v1/documents', { document });
    expect(formal.body).toEqual({ handed: 2, connected: 2 });
  });

  test('are given to a consumer that connects later', async () => {
    await ask('POST', '/v1/documents', { document });
    const late = await connect('late');
    await eventually('it has the document', () => (late.length === 1 ? undefined : `${late.length}`));
    expect(late).toEqual([{ document, to: ['late'] }]);
  });

  test('go over one connection to the consumers that share it', async () => {
    const [shared, other] = [await connect('a', 'b', 'c'), await connect('d')];
    const answer = await ask('POST', '/v1/documents', { document, to: ['a', 'c', 'd'] });
    expect(answer.body).toEqual({ handed: 3, connected: 4 });
    await eventually('both have it', () =>
      shared.length + other.length === 2 ? undefined : `${shared.length}`,
    );
    expect(shared).toEqual([{ document, to: ['a', 'c'] }]);
    expect(other).toEqual([{ document, to: ['d'] }]);
  });

  test('of a lower epoch, of a twin and of other content are refused, naming what is held', async () => {
    const handed = await connect('a');
    await ask('POST', '/v1/documents', { document });
    await eventually('a has it', () => (handed.length === 1 ? undefined : `${handed.length}`));
    const lower = await ask('POST', '/v1/documents', {
      document: { ...document, epoch: 4, operation: 'late' },
    });
    expect(lower.status).toBe(409);
    expect(lower.body).toMatchObject({
      error: 'epoch 4 of operation late refused: the target holds epoch 5 of operation failover/shop/5',
      highest: { epoch: 5, operation: 'failover/shop/5' },
    });
    const twin = await ask('POST', '/v1/documents', { document: { ...document, operation: 'twin' } });
    expect(twin.body['error']).toBe(
      'epoch 5 of operation twin refused: the target holds the same epoch of operation failover/shop/5',
    );
    const other = await ask('POST', '/v1/documents', { document: { ...document, primary: 'east-1' } });
    expect(other.status).toBe(409);
    expect(handed).toHaveLength(1);
  });
});

describe('a malformed message', () => {
  const many = Array.from({ length: 2_001 }, () => acknowledgement);
  test.each<[string, string, string, unknown, number, string]>([
    ['an unknown path', 'GET', '/v2/stream', undefined, 404, 'no such request: GET /v2/stream'],
    ['an unknown method', 'DELETE', '/v1/documents', undefined, 404, 'no such request: DELETE /v1/documents'],
    ['no JSON', 'POST', '/v1/acknowledgements', '{', 400, 'body: not JSON (position 1)'],
    ['a list', 'POST', '/v1/acknowledgements', [], 400, 'body: expected a JSON object, seen a list of 0'],
    [
      'no list',
      'POST',
      '/v1/acknowledgements',
      { acknowledgements: 'a' },
      400,
      'body: acknowledgements: expected a list of at most 2000, seen "a"',
    ],
    [
      'too many',
      'POST',
      '/v1/acknowledgements',
      { acknowledgements: many },
      400,
      'body: acknowledgements: expected a list of at most 2000, seen a list of 2001',
    ],
    [
      'too much',
      'POST',
      '/v1/acknowledgements',
      { text: 'x'.repeat(2 ** 20) },
      413,
      'body: expected at most 1048576 bytes, seen more',
    ],
    [
      'an acknowledgement that is none',
      'POST',
      '/v1/acknowledgements',
      { acknowledgements: [{ ...acknowledgement, epoch: '5' }] },
      400,
      'acknowledgement: epoch: expected a whole number from 1 to 9007199254740991, seen "5"',
    ],
    ['no document', 'POST', '/v1/documents', {}, 400, 'document: expected a JSON object, seen nothing'],
    [
      'a document with a password',
      'POST',
      '/v1/documents',
      { document: { ...document, password: 'hunter2' } },
      400,
      'document: password: expected a reference env:NAME or file:PATH, seen something else',
    ],
    [
      'names that are none',
      'POST',
      '/v1/documents',
      { document, to: [1] },
      400,
      'body: to: expected a list of consumer names, seen a list of 1',
    ],
    [
      'a stream for nobody',
      'POST',
      '/v1/stream',
      { followers: [] },
      400,
      'body: followers: expected a list of 1 to 2000, seen a list of 0',
    ],
    [
      'a stream for somebody without a site',
      'POST',
      '/v1/stream',
      { followers: [{ datasource: 'orders', consumer: 'a', place: 'west' }] },
      400,
      'follower: site: expected a text of 1 to 128 printable characters, seen nothing; place: not a field of follower',
    ],
    [
      'an empty parameter',
      'GET',
      '/v1/acknowledgements?datasource=&since=1',
      undefined,
      400,
      'query: datasource: expected a text of 1 to 128 printable characters, seen ""; epoch: expected a text, seen nothing',
    ],
    [
      'a parameter twice',
      'GET',
      '/v1/acknowledgements?datasource=orders&datasource=b&epoch=1',
      undefined,
      400,
      'query: datasource: expected once, seen again',
    ],
    [
      'an unknown parameter',
      'GET',
      '/v1/acknowledgements?datasource=orders&epoch=1&force=1',
      undefined,
      400,
      'query: force: not a parameter of /v1/acknowledgements',
    ],
    [
      'an epoch that is none',
      'GET',
      '/v1/acknowledgements?datasource=orders&epoch=-1',
      undefined,
      400,
      'query: epoch: expected a whole number, seen "-1"',
    ],
  ])('%s gets its answer', async (_, method, path, body, status, error) => {
    expect(await ask(method, path, body)).toEqual({ status, body: { error } });
  });

  test('that is not UTF-8 gets its answer', async () => {
    const body = new Uint8Array([0x7b, 0xff, 0x7d]);
    const response = await fetch(url('/v1/documents'), { method: 'POST', body });
    expect(await response.json()).toEqual({ error: 'body: not UTF-8' });
  });

  test('leaves the collector as it was', async () => {
    expect((await ask('GET', '/v1/health')).body).toEqual({ bootId: collector.bootId });
    expect((await ask('GET', '/v1/acknowledgements?datasource=orders&epoch=5')).body).toMatchObject({
      sequence: 0,
    });
  });
});

describe('with tokens', () => {
  let guarded: Collector;
  beforeAll(async () => {
    guarded = await open({ token: 'all', consumerToken: 'consumers' });
  });
  afterAll(() => guarded.close());
  const as = (token: string) => ({ authorization: `Bearer ${token}` });

  test.each([
    ['nobody acknowledges', 'POST', '/v1/acknowledgements', {}, 401],
    ['a wrong one does not acknowledge', 'POST', '/v1/acknowledgements', as('wrong'), 401],
    ['a consumer acknowledges', 'POST', '/v1/acknowledgements', as('consumers'), 200],
    ['the orchestrator may, too', 'POST', '/v1/acknowledgements', as('all'), 200],
    ['a consumer does not see the others', 'GET', '/v1/consumers?datasource=orders', as('consumers'), 401],
    ['a consumer hands no documents', 'POST', '/v1/documents', as('consumers'), 401],
    ['the orchestrator hands documents', 'POST', '/v1/documents', as('all'), 200],
    [
      'a consumer does not listen to others',
      'GET',
      '/v1/acknowledgements?datasource=o&epoch=1',
      as('consumers'),
      401,
    ],
    ['anybody sees that it lives', 'GET', '/v1/health', {}, 200],
  ] as const)('%s', async (_, method, path, headers, status) => {
    const body = method === 'GET' ? undefined : { document, acknowledgements: [] };
    expect((await ask(method, path, body, headers, guarded)).status).toBe(status);
  });
});

describe('the configuration', () => {
  test('comes from the environment', () => {
    expect(readCollectorConfig({})).toEqual({ host: '127.0.0.1', port: 7460 });
    const environment = {
      SITESHIFT_COLLECTOR_LISTEN: '[::1]:80',
      SITESHIFT_COLLECTOR_TOKEN: 'env:T',
      T: 'word',
    };
    expect(readCollectorConfig(environment)).toEqual({ host: '::1', port: 80, token: 'word' });
  });
  test.each([
    [{ SITESHIFT_COLLECTOR_LISTEN: '7460' }, 'SITESHIFT_COLLECTOR_LISTEN: expected HOST:PORT, seen "7460"'],
    [
      { SITESHIFT_COLLECTOR_LISTEN: 'a:70000' },
      'SITESHIFT_COLLECTOR_LISTEN: expected HOST:PORT, seen "a:70000"',
    ],
    [
      { SITESHIFT_COLLECTOR_TOKEN: 'word' },
      'SITESHIFT_COLLECTOR_TOKEN: expected env:NAME or file:PATH, seen something else',
    ],
    [{ SITESHIFT_COLLECTOR_TOKEN: 'env:T' }, 'SITESHIFT_COLLECTOR_TOKEN: env:T is empty or not set'],
    [
      { SITESHIFT_COLLECTOR_TOKEN: 'file:/nowhere/token' },
      'SITESHIFT_COLLECTOR_TOKEN: cannot read file:/nowhere/token',
    ],
    [
      { SITESHIFT_COLLECTOR_CONSUMER_TOKEN: 'env:T', T: 'word' },
      'SITESHIFT_COLLECTOR_CONSUMER_TOKEN: expected SITESHIFT_COLLECTOR_TOKEN beside it, seen none: documents could be handed by anybody',
    ],
  ])('%o is refused', (environment, message) => {
    expect(() => readCollectorConfig(environment)).toThrow(message);
  });
});
