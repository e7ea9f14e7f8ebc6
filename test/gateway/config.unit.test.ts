import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parseConfig } from '../../agents/gateway/config.ts';

const valid = {
  gateway: 'gw-1',
  domain: 'shop',
  listen: { host: '127.0.0.1', port: 7450 },
  stateDirectory: '/var/lib/siteshift',
  haproxy: { masterSocket: '/run/master.sock', unitsMap: '/etc/units.map', leaseMap: '/etc/lease.map' },
};

test.each<readonly [string, object, readonly string[]]>([
  ['no gateway', { gateway: undefined }, ['gateway: expected a text, saw nothing']],
  [
    'a mistyped key',
    { leaseMS: 900 },
    [
      'leaseMS: expected one of the keys "gateway", "domain", "listen", "stateDirectory", "leaseMs", "buckets", "haproxy", "peers", "joinWithout", "initial", "tls" or "logLevel", saw the key "leaseMS"',
    ],
  ],
  ['a lease that is too short', { leaseMs: 100 }, ['leaseMs: expected a number of at least 200, saw 100']],
  [
    'a peer without scheme',
    { peers: { 'gw-2': 'gw-2:7450' } },
    ['peers.gw-2: expected an http or https URL, saw "gw-2:7450"'],
  ],
  [
    'itself as a peer, and a stranger',
    { peers: { 'gw-1': 'http://gw-1:7450' }, joinWithout: ['gw-7'] },
    [
      'peers: expected other gateways only, saw gw-1 itself',
      'joinWithout: expected peers, saw gw-7, which is none',
    ],
  ],
])('%s', (_, more, problems) => {
  expect(() => parseConfig({ ...valid, ...more }, 'agent.json')).toThrow(
    `agent.json is not a valid config of a gateway agent:\n${problems.map((one) => `- ${one}`).join('\n')}`,
  );
});

test('what the rows break is valid itself', () => {
  expect(parseConfig(valid, 'agent.json')).toMatchObject(valid);
});

test('the agent tells it on standard error, without a stack, and ends with 2', () => {
  const args = ['agents/gateway/main.ts', 'package.json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(
    /^package.json is not a valid config of a gateway agent:\n- gateway: expected a text, saw nothing\n/,
  );
  expect(stderr).not.toMatch(/^ +at /m);
});
