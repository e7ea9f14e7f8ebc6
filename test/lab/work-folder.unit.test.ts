import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identify } from '../../lab/process/identity.ts';
import { openSupervisor } from '../../lab/process/supervise.ts';
import { startTwoSiteLab } from '../../lab/two-site-lab.ts';
import { removeEarlierLab, stateFolderOf } from '../../lab/work-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (...names: string[]) => {
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), 'mine\n');
  }
};
const start = () => startTwoSiteLab({ folder, fresh: true, say: () => undefined });
const openState = () => openSupervisor({ stateFolder: stateFolderOf(folder), say: () => undefined });

test('a folder that holds something and is no lab’s is left as it is', async () => {
  put('siteshift.yaml', 'apps/shop.ts');
  await expect(start()).rejects.toThrow(
    /expected an empty folder or one that a lab has used, saw (apps, siteshift.yaml|siteshift.yaml, apps) and no trace of a lab; nothing was touched/,
  );
  expect(readdirSync(folder).toSorted()).toEqual(['apps', 'siteshift.yaml']);
});

test('in a lab’s folder only what a lab makes is removed; one thing more, and nothing is', async () => {
  const supervisor = await openState();
  put(
    'orders-west-1/ibdata1',
    'gw-1/haproxy.cfg',
    'temporal.db-wal',
    'writer-17.jsonl',
    'state/logs/nacos.log',
  );
  put('notes.txt');
  expect(() => removeEarlierLab(folder)).toThrow('expected only what a lab makes, saw notes.txt too');
  expect(readdirSync(folder)).toHaveLength(6);
  rmSync(join(folder, 'notes.txt'));
  removeEarlierLab(folder);
  expect(readdirSync(folder)).toEqual(['state']);
  expect(readdirSync(join(folder, 'state/logs'))).toEqual([]);
  await supervisor.close();
});

test('a fresh start in the folder of a lab that runs takes nothing from it', async () => {
  const running = await openState();
  const spec = { name: 'server', command: 'sleep', args: ['300'], ports: {}, ready: async () => undefined };
  const server = await running.start(spec);
  put('temporal.db');
  await expect(start()).rejects.toThrow(/another lab \(process \d+\) is running in /);
  expect(identify(server.pid)).toBeDefined();
  expect(existsSync(join(folder, 'temporal.db'))).toBe(true);
  await running.close();
});
