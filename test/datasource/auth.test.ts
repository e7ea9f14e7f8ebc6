import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openConfigCenter, type ConfigCenterDriver } from '../../activities/config-center.ts';
import type { FollowedCenter } from '../../agents/follower/options.ts';
import type { ConfigCenter } from '../../domain/schema/inventory.ts';
import { obtainEtcd, startEtcd } from '../../lab/engines/etcd.ts';
import { obtainNacos } from '../../lab/engines/nacos.ts';
import { accounts, eventually, Followers, openPushLab, stepTools, type PushLab } from './push-lab.ts';

const at = { key: 'orders.json', group: 'DEFAULT_GROUP' };
const word = 'center-word-0123456789';
const secret = async () => word;
let lab: PushLab;
let followers: Followers;

beforeAll(async () => {
  lab = await openPushLab();
  await lab.open('east-1');
});
afterEach(() => followers?.endAll());
afterAll(() => lab?.close());

/** What somebody with the account gets, and what others get. */
async function tryOut(center: ConfigCenter, followed: FollowedCenter) {
  const driver = openConfigCenter(center, stepTools({ secret }));
  const probe = await driver.probe();
  const published = await driver.publish(at, JSON.stringify(await documentAt()), undefined);
  process.env['CENTER_WORD'] = word;
  followers = new Followers({ datasource: 'orders', site: 'east', center: followed, key: at.key });
  await followers.start('a').ready();
  await eventually('it is registered', async () =>
    (await driver.consumers('orders'))[0]?.epoch === 1 ? undefined : 'not yet',
  );
  const { auth: _auth, ...anonymous } = center;
  const others = [
    openConfigCenter(otherUser(center), stepTools({ secret: async () => 'wrong-word' })),
    openConfigCenter(anonymous, stepTools()),
  ];
  const token = (await driver.read(at))?.token;
  const refusals = await Promise.all(others.map((other) => refusalOf(other, token)));
  return { probe, published, refusals, content: (await driver.read(at))?.content };
}

async function refusalOf(driver: ConfigCenterDriver, token: string | undefined): Promise<string> {
  try {
    return (await driver.publish(at, '{}', token)).kind;
  } catch (error) {
    return String(error);
  }
}

const whatIsRight = {
  probe: expect.objectContaining({ isReal: true }) as unknown,
  published: expect.objectContaining({ kind: 'published' }) as unknown,
  // An error, and one that holds no password.
  refusals: [
    expect.stringMatching(/^Error((?!word).)*$/s),
    expect.stringMatching(/^Error((?!word).)*$/s),
  ] as unknown,
  content: expect.stringContaining('east-1') as unknown,
};

/** Log-ins are remembered by server and user: a password that was right before would not be asked for again. */
const otherUser = (center: ConfigCenter): ConfigCenter => ({
  ...center,
  auth: { user: `${center.auth?.user}-2`, password: 'env:CENTER_WORD' },
});

const documentAt = async () => ({
  epoch: 1,
  operation: 'day-zero',
  datasource: 'orders',
  domain: 'shop',
  engine: 'mariadb',
  primary: 'east-1',
  host: '127.0.0.1',
  port: lab.servers['east-1']?.port,
  schema: 'shop',
  user: accounts.application.user,
  password: 'env:SHOP',
  serverIdentity: await lab.identity('east-1'),
});

test('etcd with accounts', async () => {
  const program = await obtainEtcd(lab.lab.say);
  const ports = { client: await lab.lab.ports.next(), peer: await lab.lab.ports.next() };
  const dataDir = join(lab.lab.folder, 'etcd-auth');
  await startEtcd(lab.lab.supervisor, { program, name: 'etcd-auth', dataDir, ports });
  const url = `http://127.0.0.1:${ports.client}`;
  const ask = async (path: string, body: object) => {
    const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(`${path}: expected status 200, seen ${response.status}`);
  };
  await ask('/v3/auth/user/add', { name: 'root', password: word });
  await ask('/v3/auth/user/grant', { user: 'root', role: 'root' });
  await ask('/v3/auth/enable', {});
  const auth = { user: 'root', password: 'env:CENTER_WORD' };
  const center: ConfigCenter = { kind: 'etcd', endpoints: [url], auth, site: 'west', prefix: '/siteshift/' };
  expect(await tryOut(center, { kind: 'etcd', endpoints: [url], auth })).toEqual(whatIsRight);
});

test('Nacos with accounts', async () => {
  const program = await obtainNacos(lab.lab.say);
  const port = await lab.lab.ports.nextForNacos();
  const home = join(lab.lab.folder, 'nacos-auth');
  mkdirSync(join(home, 'conf'), { recursive: true });
  const settings = [
    `nacos.server.main.port=${port}`,
    'nacos.server.contextPath=/nacos',
    'nacos.inetutils.ip-address=127.0.0.1',
    'nacos.core.auth.enabled=true',
    'nacos.core.auth.admin.enabled=true',
    'nacos.core.auth.console.enabled=true',
    'nacos.core.auth.system.type=nacos',
    'nacos.core.auth.server.identity.key=test',
    'nacos.core.auth.server.identity.value=test',
    `nacos.core.auth.plugin.nacos.token.secret.key=${Buffer.from('only-for-this-test-on-loopback-0123456789').toString('base64')}`,
    'nacos.istio.mcp.server.enabled=false',
    'nacos.k8s.sync.enabled=false',
    'management.metrics.export.elastic.enabled=false',
    'management.metrics.export.influx.enabled=false',
    'management.elastic.metrics.export.enabled=false',
    'management.influx.metrics.export.enabled=false',
  ];
  writeFileSync(join(home, 'conf', 'application.properties'), `${settings.join('\n')}\n`);
  const url = `http://127.0.0.1:${port}/nacos`;
  await lab.lab.supervisor.start({
    name: 'nacos-auth',
    command: program.java,
    args: [
      '-Xms64m',
      '-Xmx192m',
      '-Xss512k',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dnacos.standalone=true',
      `-Dnacos.home=${home}`,
      `-Dnacos.server.main.port=${port}`,
      `-Dspring.config.additional-location=file:${home}/conf/`,
      `-Duser.home=${home}`,
      '-Dderby.system.durability=test',
      '-Dlogging.config=classpath:META-INF/logback/nacos.xml',
      '-cp',
      join(program.jars, '*'),
      'siteshift.lab.NacosLauncher',
    ],
    cwd: home,
    ports: { http: port },
    readyWithinMs: 120_000,
    ready: async () => {
      const response = await fetch(`${url}/v3/admin/core/state/readiness`);
      if (response.status >= 500) throw new Error(`seen status ${response.status}`);
    },
  });
  await eventually('the administrator is created', async () => {
    const body = new URLSearchParams({ password: word });
    const response = await fetch(`${url}/v3/auth/user/admin`, { method: 'POST', body });
    return response.status === 200 ? undefined : `status ${response.status} ${await response.text()}`;
  });
  await eventually(
    'the log-in works, which takes up to a minute on a new server',
    async () => {
      const body = new URLSearchParams({ username: 'nacos', password: word });
      const response = await fetch(`${url}/v3/auth/user/login`, { method: 'POST', body });
      return response.status === 200 ? undefined : `status ${response.status}`;
    },
    90_000,
  );
  const auth = { user: 'nacos', password: 'env:CENTER_WORD' };
  const center: ConfigCenter = { kind: 'nacos', url, site: 'west', namespace: 'public', auth };
  expect(await tryOut(center, { kind: 'nacos', url, auth })).toEqual(whatIsRight);
});
