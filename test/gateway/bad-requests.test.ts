import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StampedRules } from '../../domain/routing.ts';
import { stampRules } from '../../domain/rules-digest.ts';
import { postToAgent } from '../../lab/bench/agent-calls.ts';
import { stateOf, type LabGateway } from '../../lab/bench/access-layer.ts';
import { startMove, tableAt } from './move.ts';
import { startLayer, type TestLayer } from './start-layer.ts';
import { ask, movedUser } from './users.ts';

let layer: TestLayer;
let gateway: LabGateway;
let before: string;
beforeAll(async () => {
  layer = await startLayer();
  gateway = layer.gateways[0] as LabGateway;
  // Epoch 2 and 3 are held by run-1; run-2 has claimed epoch 4 and sent nothing yet.
  const first = await startMove(layer, 'run-1', 'west');
  await first.fence();
  await first.open();
  await startMove(layer, 'run-2', 'east');
  before = await held();
}, 60_000);
afterAll(() => layer?.close());

/** Everything that a bad request could spoil. */
async function held(): Promise<string> {
  const { promised, accepted, workers } = await stateOf(gateway);
  return JSON.stringify({ promised, accepted, workers });
}

const members = ['gw-1', 'gw-2', 'gw-3'];
const rules = (more: Partial<StampedRules> = {}): StampedRules => ({
  ...stampRules({ domain: 'shop', epoch: 4, operation: 'run-2', members, table: tableAt('east'), ...more }),
  ...(more.digest === undefined ? {} : { digest: more.digest }),
});
const promise = (more: object = {}) => ({ domain: 'shop', epoch: 6, operation: 'run-9', ...more });

interface Case {
  readonly what: string;
  readonly path: '/v1/promise' | '/v1/rules';
  readonly body: unknown;
  readonly status: number;
  readonly error: string | RegExp;
}
const p = (what: string, body: unknown, error: Case['error'], status = 400): Case => ({
  what,
  path: '/v1/promise',
  body,
  status,
  error,
});
const r = (what: string, body: unknown, error: Case['error'], status = 400): Case => ({
  what,
  path: '/v1/rules',
  body,
  status,
  error,
});

const odd = (index: number, rule: object) =>
  tableAt('east').map((one, bucket) => (bucket === index ? rule : one));
const raw = (more: object) => ({ ...rules(), ...more });

const cases: readonly Case[] = [
  p('no object', [], 'message: expected a map, saw an empty list'),
  p('null', null, 'message: expected a map, saw an empty value'),
  p('a missing field', { domain: 'shop', epoch: 6 }, 'operation: expected a text, saw nothing'),
  p(
    'an unknown key',
    promise({ units: [] }),
    'units: expected one of the keys "domain", "epoch" or "operation", saw the key "units"',
  ),
  p('an epoch as text', promise({ epoch: '6' }), 'epoch: expected a number, saw "6"'),
  p(
    'an odd epoch',
    promise({ epoch: 7 }),
    'epoch: expected an even number: a claim covers its epoch and the next one, saw 7',
  ),
  p('epoch 0', promise({ epoch: 0 }), 'epoch: expected a number of at least 2, saw 0'),
  p('a negative epoch', promise({ epoch: -2 }), 'epoch: expected a number of at least 2, saw -2'),
  p('a fraction', promise({ epoch: 6.5 }), 'epoch: expected a whole number, saw 6.5'),
  p('an epoch beyond what numbers carry', promise({ epoch: 9_007_199_254_740_992 }), /^epoch: /),
  p(
    'an empty operation id',
    promise({ operation: '' }),
    'operation: expected an operation id: 1 to 256 characters, no white space, no "|", saw ""',
  ),
  p(
    'an operation id that would break the map',
    promise({ operation: 'a|open|9' }),
    'operation: expected an operation id: 1 to 256 characters, no white space, no "|", saw "a|open|9"',
  ),
  p(
    'an operation id with a line break',
    promise({ operation: 'a\nepoch 9' }),
    'operation: expected an operation id: 1 to 256 characters, no white space, no "|", saw "a\\nepoch 9"',
  ),
  p('another domain', promise({ domain: 'bank' }), 'domain: expected shop, seen "bank"'),
  p(
    'a domain that is no name',
    promise({ domain: '../shop' }),
    /^domain: expected a name of lower-case letters/,
  ),
  p(
    'a lower epoch',
    promise({ epoch: 2 }),
    'epoch 2 of operation run-9 refused: the target holds epoch 4 of operation run-2',
    409,
  ),
  p(
    'the same epoch for a twin',
    promise({ epoch: 4 }),
    'epoch 4 of operation run-9 refused: the target holds the same epoch of operation run-2',
    409,
  ),
  r(
    'a replayed fence of before',
    rules({ epoch: 2, operation: 'run-1' }),
    'epoch 2 of operation run-1 refused: the target holds epoch 4 of operation run-2',
    409,
  ),
  r(
    'a forged operation id',
    rules({ operation: 'run-666' }),
    'epoch 4 of operation run-666 refused: the target holds the same epoch of operation run-2',
    409,
  ),
  r(
    'an epoch that nobody promised',
    rules({ epoch: 6, operation: 'run-9' }),
    'epoch 6 of operation run-9 refused: nothing was promised to it, the promise is for epoch 4 of operation run-2',
    409,
  ),
  r(
    'a digest of something else',
    rules({ digest: '0'.repeat(64) }),
    /^digest: expected [0-9a-f]{64}, seen 0{64}$/,
  ),
  r(
    'a digest that is none',
    raw({ digest: 'abc' }),
    'digest: expected a SHA-256 in lower-case hex, saw "abc"',
  ),
  r('too few buckets', rules({ table: tableAt('east', 99) }), 'table: expected 100 buckets, seen 99'),
  r('too many buckets', rules({ table: tableAt('east', 101) }), 'table: expected 100 buckets, seen 101'),
  r('an empty table', raw({ table: [] }), 'table: expected at least 1 item, saw an empty list'),
  r(
    'a hole in the table',
    raw({ table: odd(3, null as unknown as object) }),
    'table[3]: expected a map, saw an empty value',
  ),
  r(
    'an unknown state',
    raw({ table: odd(3, { unit: 'east', state: 'closed' }) }),
    'table[3].state: expected "open" or "fenced", saw "closed"',
  ),
  r(
    'a unit that would break the map',
    raw({ table: odd(3, { unit: 'east|open|9\n4 west', state: 'open' }) }),
    /^table\[3\]\.unit: expected a name of lower-case letters.*, saw "east\|open\|9\\n4 west"$/,
  ),
  r(
    'an unknown key in a rule',
    raw({ table: odd(3, { unit: 'east', state: 'open', weight: 1 }) }),
    'table[3].weight: expected one of the keys "unit" or "state", saw the key "weight"',
  ),
  r(
    'a unit without a backend',
    rules({ table: tableAt('north') }),
    'table: this proxy has backends for east, west, seen unit north',
  ),
  r('users sent nowhere', rules({ table: tableAt('none') }), 'table.0: "none" is no unit and cannot be open'),
  r(
    'an unknown gateway',
    rules({ members: ['gw-1', 'gw-9'] }),
    'members: expected some of gw-1, gw-2, gw-3, seen gw-9',
  ),
  r('a gateway twice', rules({ members: ['gw-1', 'gw-1'] }), 'members: expected each once and sorted'),
  r('no gateways', raw({ members: [] }), 'members: expected at least 1 item, saw an empty list'),
  r(
    'many mistakes',
    { epoch: 'x' },
    /^domain: .*; epoch: .*; operation: .*; members: .*; table: .*; and 1 more$/,
  ),
];

test.each(cases)('$path refuses $what', async ({ path, body, status, error }) => {
  const answer = await postToAgent(gateway, path, body);
  expect(answer).toMatchObject({ status, body: { gateway: 'gw-1' } });
  const seen = String(answer.body['error']);
  const isExpected = typeof error === 'string' ? seen === error : error.test(seen);
  expect(isExpected ? error : seen).toBe(error);
  expect(await held()).toBe(before);
});

const send = async (path: string, init: RequestInit) => {
  const response = await fetch(gateway.agentUrl + path, init);
  return { status: response.status, error: ((await response.json()) as { error?: string }).error };
};

test.each([
  ['/v1/rules', { method: 'POST', body: '{"epoch":' }, 400, 'expected a JSON body, seen "{\\"epoch\\":"'],
  ['/v1/rules', { method: 'POST', body: '' }, 400, 'expected a JSON body, seen ""'],
  [
    '/v1/rules',
    { method: 'POST', body: new Uint8Array([0x22, 0xff, 0x22]) },
    400,
    'expected a body in UTF-8, seen other bytes',
  ],
  [
    '/v1/rules',
    { method: 'POST', body: `"${'x'.repeat(1_100_000)}"` },
    413,
    'expected a body of at most 1048576 bytes, seen more',
  ],
  ['/v1/rules', { method: 'GET' }, 405, '/v1/rules expects POST, seen GET'],
  ['/v1/promise', { method: 'PUT', body: '{}' }, 405, '/v1/promise expects POST, seen PUT'],
  ['/v2/rules', { method: 'POST', body: '{}' }, 404, 'no such path /v2/rules'],
  ['/v1/peer?domain=shop&from=gw-9', { method: 'GET' }, 400, 'from: expected one of gw-2, gw-3, seen "gw-9"'],
  ['/v1/peer?domain=bank&from=gw-2', { method: 'GET' }, 400, 'domain: expected shop, seen "bank"'],
  ['/v1/peer', { method: 'GET' }, 400, 'domain: expected shop, seen null'],
  ['/v1/inflight?unit=north', { method: 'GET' }, 400, 'unit: expected one of east, west, seen "north"'],
] as const)('%s with %o answers %i', async (path, init, status, error) => {
  expect(await send(path, init as RequestInit)).toEqual({ status, error });
  expect(await held()).toBe(before);
});

test('the proxy refuses a request whose user is missing, empty or named twice', async () => {
  const statusOf = async (headers: [string, string][]) =>
    (await fetch(gateway.endpoint, { method: 'POST', headers })).status;
  expect(await statusOf([])).toBe(400);
  expect(await statusOf([['x-user-id', '']])).toBe(400);
  expect(await ask(gateway, 'POST', movedUser)).toMatchObject({ status: 200, unit: 'west', epoch: 3 });
  // What a user claims about unit and epoch is overwritten.
  const response = await fetch(gateway.endpoint, {
    method: 'POST',
    headers: { 'x-user-id': movedUser, 'x-unit': 'east', 'x-epoch': '99' },
  });
  expect(response.headers.get('x-unit')).toBe('west');
  expect(await response.text()).toBe('west');
});
