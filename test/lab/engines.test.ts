import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { obtainChromium, startChromium } from '../../lab/engines/chromium.ts';
import { obtainEtcd, startEtcd } from '../../lab/engines/etcd.ts';
import { askHaproxy, obtainHaproxy, reloadHaproxy, startHaproxy } from '../../lab/engines/haproxy.ts';
import { obtainNacos, startNacos } from '../../lab/engines/nacos.ts';
import { obtainTemporal, startTemporal } from '../../lab/engines/temporal.ts';
import { openTestLab, type TestLab } from './test-lab.ts';

let lab: TestLab;
beforeAll(async () => {
  lab = await openTestLab();
});
afterAll(() => lab.close());

test('etcd keeps a key over kill -9', async () => {
  const etcd = await startEtcd(lab.supervisor, {
    program: await obtainEtcd(lab.say),
    name: 'etcd',
    dataDir: join(lab.folder, 'etcd'),
    ports: { client: await lab.ports.next(), peer: await lab.ports.next() },
  });
  const call = async (verb: string, body: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${etcd.ports['client']}/v3/kv/${verb}`, {
      method: 'POST',
      body: JSON.stringify(body),
    }).then((response) => response.json())) as { kvs?: { value: string }[] };
  await call('put', { key: btoa('k'), value: btoa('v') });
  etcd.kill();
  await etcd.gone();
  await etcd.restart();
  expect((await call('range', { key: btoa('k') })).kvs?.[0]?.value).toBe(btoa('v'));
  await etcd.stop();
});

test('HAProxy answers, reloads into a new worker, and a broken configuration is refused in words', async () => {
  const program = await obtainHaproxy(lab.say);
  const folder = join(lab.folder, 'gateway');
  mkdirSync(folder);
  const port = await lab.ports.next();
  const configFile = join(folder, 'haproxy.cfg');
  const config = (answer: string) =>
    writeFileSync(
      configFile,
      `defaults\n  mode http\n  timeout client 5s\n  timeout connect 1s\n  timeout server 5s
frontend f\n  bind 127.0.0.1:${port}\n  http-request return status 200 content-type text/plain string ${answer}\n`,
    );
  config('first');
  const options = {
    program,
    name: 'gateway',
    configFile,
    masterSocket: join(folder, 'm.sock'),
    ports: { http: port },
  };
  const haproxy = await startHaproxy(lab.supervisor, options);
  const answer = async () =>
    (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
  expect(await answer()).toBe('first');

  config('second');
  const { pid } = haproxy;
  reloadHaproxy(haproxy);
  while ((await answer()) !== 'second') await sleep(10);
  expect(haproxy.pid).toBe(pid);
  expect(haproxy.alive()).toBe(true);
  // The master executes itself anew on a reload: its command line is closed for a moment.
  await vi.waitFor(
    async () => expect(await askHaproxy(options.masterSocket, 'show proc')).toMatch(/worker/),
    {
      timeout: 10_000,
    },
  );
  haproxy.kill();
  await haproxy.gone();
  await expect(answer()).rejects.toThrow('fetch failed');
  await haproxy.restart();
  expect(await answer()).toBe('second');
  await haproxy.stop();

  writeFileSync(configFile, 'frontend\n');
  await expect(startHaproxy(lab.supervisor, options)).rejects.toThrow(/does not accept the configuration/);
});

test('Temporal knows the search attributes, keeps its history over kill -9, and shows its UI in Chromium', async () => {
  const temporal = await startTemporal(lab.supervisor, {
    program: await obtainTemporal(lab.say),
    name: 'temporal',
    databaseFile: join(lab.folder, 'temporal/history.db'),
    ports: { frontend: await lab.ports.next(), ui: await lab.ports.next() },
    searchAttributes: { Site: 'Keyword' },
  });
  const address = `127.0.0.1:${temporal.ports['frontend']}`;
  await withClient(address, (client) =>
    client.workflow.start('nothing', {
      taskQueue: 'nobody',
      workflowId: 'kept',
      searchAttributes: { Site: ['north'] },
    }),
  );
  temporal.kill();
  await temporal.gone();
  await temporal.restart();
  const kept = await withClient(address, (client) => client.workflow.getHandle('kept').describe());
  expect(kept.status.name).toBe('RUNNING');
  expect(kept.searchAttributes).toEqual({ Site: ['north'] });

  const browser = await startChromium(await obtainChromium(lab.say));
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${temporal.ports['ui']}/namespaces/default/workflows`);
  await page.getByText('kept').first().waitFor();
  await browser.close();
  await temporal.stop();
});

test('Nacos publishes a config, answers on its old API, and keeps the content over a stop', async () => {
  const nacos = await startNacos(lab.supervisor, await obtainNacos(lab.say), {
    name: 'nacos',
    home: join(lab.folder, 'nacos'),
    port: await lab.ports.nextForNacos(),
  });
  const base = `http://127.0.0.1:${nacos.ports['http']}/nacos`;
  const config = { dataId: 'app.json', content: '{"epoch":1}', type: 'json' };
  const published = await fetch(`${base}/v3/admin/cs/config`, {
    method: 'POST',
    body: new URLSearchParams({ ...config, groupName: 'g' }),
  });
  expect(await published.json()).toMatchObject({ code: 0 });
  const read = () =>
    fetch(`${base}/v3/admin/cs/config?dataId=app.json&groupName=g`).then((one) => one.json());
  expect(await read()).toMatchObject({ data: { content: config.content } });
  await nacos.restart();
  expect(await read()).toMatchObject({ data: { content: config.content } });
  const old = await fetch(`${base}/v1/cs/configs?dataId=app.json&group=g`);
  expect(await old.text()).toBe(config.content);
  await nacos.stop();
});

async function withClient<Result>(
  address: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
