import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { haproxyConfig } from '../../agents/gateway/haproxy-config.ts';
import { bucketOf } from '../../domain/routing.ts';
import { askHaproxy, obtainHaproxy, startHaproxy } from '../../lab/engines/haproxy.ts';
import { openTestLab, type TestLab } from '../lab/test-lab.ts';

/** Servers are not checked here: what counts is the time before a check has noticed anything. */
let lab: TestLab;
let alive: Server;
let url: string;

beforeAll(async () => {
  lab = await openTestLab();
  const [port, alivePort, ...deadPorts] = [
    await lab.ports.next(),
    await lab.ports.next(),
    await lab.ports.next(),
    await lab.ports.next(),
  ];
  alive = createServer((request, response) => request.resume().on('end', () => response.end('written')));
  await new Promise<void>((resolve) => alive.listen(alivePort, '127.0.0.1', resolve));
  const file = (name: string) => join(lab.folder, name);
  writeFileSync(file('units.map'), '0 half|open|1\n1 lost|open|1\n');
  writeFileSync(file('lease.map'), `half ${Date.now() + 3_600_000}\nlost ${Date.now() + 3_600_000}\n`);
  const server = (number: number) => ({ name: `app-${number}`, host: '127.0.0.1', port: number });
  writeFileSync(
    file('haproxy.cfg'),
    haproxyConfig({
      listen: { host: '127.0.0.1', port },
      units: { half: [alivePort, deadPorts[0] ?? 0].map(server), lost: deadPorts.map(server) },
      buckets: units.length,
      header: 'x-user-id',
      unitsMap: file('units.map'),
      leaseMap: file('lease.map'),
      statsSocket: file('stats.sock'),
    }),
  );
  await startHaproxy(lab.supervisor, {
    program: await obtainHaproxy(lab.say),
    name: 'gateway',
    configFile: file('haproxy.cfg'),
    masterSocket: file('master.sock'),
    ports: { http: port },
  });
  url = `http://127.0.0.1:${port}/writes`;
});

afterAll(async () => {
  alive.close();
  await lab.close();
});

const units = ['half', 'lost'] as const;

/** What users of a unit are answered, each asking once. */
async function answers(unit: (typeof units)[number]): Promise<readonly number[]> {
  const users = Array.from({ length: 40 }, (_, user) => `user-${user}`).filter(
    (user) => units[bucketOf(user, units.length)] === unit,
  );
  return Promise.all(
    users.map(async (user) => {
      const response = await fetch(url, { method: 'POST', headers: { 'x-user-id': user }, body: '{}' });
      await response.text();
      return response.status;
    }),
  );
}

test('a write goes to the other server of its unit when the first one takes no connection', async () => {
  const statuses = await answers('half');
  expect(statuses.length).toBeGreaterThan(10);
  expect(new Set(statuses)).toEqual(new Set([200]));
});

test('a unit without any server answers 503 after a second connection was tried, and no third', async () => {
  const before = await triedAgain('write_lost');
  const statuses = await answers('lost');
  expect(statuses.length).toBeGreaterThan(10);
  expect(new Set(statuses)).toEqual(new Set([503]));
  expect((await triedAgain('write_lost')) - before).toBe(statuses.length);
});

/** How often the proxy has tried one more connection for a request, by its own account. */
async function triedAgain(backend: string): Promise<number> {
  const [names = '', ...rows] = (await askHaproxy(join(lab.folder, 'stats.sock'), 'show stat')).split('\n');
  const row =
    rows.map((one) => one.split(',')).find(([name, of]) => name === backend && of === 'BACKEND') ?? [];
  const column = (name: string) => Number(row[names.split(',').indexOf(name)]);
  return column('wretr') + column('wredis');
}
