import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cached, cachedVersions } from '../../lab/engines/cache.ts';
import { obtainHaproxy } from '../../lab/engines/haproxy.ts';
import { obtainMariadb } from '../../lab/engines/mariadb.ts';
import { obtainMysql } from '../../lab/engines/mysql.ts';
import { runCommand } from '../../lab/engines/run-command.ts';
import { downloadTemporal } from '../../lab/engines/temporal-download.ts';

let folder: string;
const said: string[] = [];
const say = (line: string) => void said.push(line);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-cache-'));
  vi.stubEnv('SITESHIFT_CACHE', folder);
  said.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const build = (name: string, work: (to: string) => Promise<void>) =>
  cached({ name, doing: `building ${name}`, typically: 'a moment', say, build: work });

test('two builds at once: one builds, both get the complete folder', async () => {
  let builds = 0;
  const work = async (to: string) => {
    builds += 1;
    writeFileSync(join(to, 'part-1'), '');
    await sleep(100);
    writeFileSync(join(to, 'part-2'), '');
  };
  const folders = await Promise.all([build('one-1.0', work), build('one-1.0', work)]);
  expect(builds).toBe(1);
  expect(folders[0]).toBe(folders[1]);
  expect(existsSync(join(folders[0] ?? '', 'part-2'))).toBe(true);
  expect(said.join('\n')).toMatch(/waiting for process \d+, which is building one-1.0/);
});

test('a failed build leaves nothing, and what a killed one left is not taken for complete', async () => {
  await expect(build('two-1.0', () => Promise.reject(new Error('no compiler')))).rejects.toThrow(
    'no compiler',
  );
  expect(cachedVersions('two-')).toEqual([]);

  mkdirSync(join(folder, 'two-1.0.building'));
  writeFileSync(join(folder, 'two-1.0.building', 'half'), '');
  expect(cachedVersions('two-')).toEqual([]);
  const complete = await build('two-1.0', async (to) => writeFileSync(join(to, 'whole'), ''));
  expect(existsSync(join(complete, 'half'))).toBe(false);
});

test('versions are compared as numbers', async () => {
  for (const name of ['x-9.7.4', 'x-9.10.0', 'x-9.9.1']) await build(name, async () => undefined);
  expect(cachedVersions('x-')[0]).toBe(join(folder, 'x-9.10.0'));
});

test('a variable that names nothing, or the wrong server, is an error and not a reason to take another', async () => {
  vi.stubEnv('SITESHIFT_HAPROXY', '/nowhere/haproxy');
  await expect(obtainHaproxy(say)).rejects.toThrow('SITESHIFT_HAPROXY names /nowhere/haproxy');
  const pretender = script('mysqld', 'echo "mysqld  Ver 10.11.19-MariaDB for debian-linux-gnu"');
  vi.stubEnv('SITESHIFT_MYSQLD', pretender);
  await expect(obtainMysql(say)).rejects.toThrow('does not say that it is MySQL');
  vi.stubEnv('SITESHIFT_MARIADBD', script('mariadbd', 'echo "mysqld  Ver 9.7.4 for Linux"'));
  await expect(obtainMariadb(say)).rejects.toThrow('is not MariaDB');
});

test('a failed command says which, and the end of what it printed', async () => {
  const failing = runCommand('sh', ['-c', 'echo disk is full >&2; exit 7']);
  await expect(failing).rejects.toThrow(/failed with code 7: sh -c[\s\S]*disk is full/);
});

test('Temporal is taken from the official site where that answers', async () => {
  script('temporal', 'echo "temporal version 1.8.2 (Server 1.31.2)"');
  await runCommand('tar', ['-czf', join(folder, 'archive'), '-C', folder, 'temporal']);
  await serving(
    (response) => response.end(readFileSync(join(folder, 'archive'))),
    async (site) => {
      expect(await downloadTemporal('1.8.2', say, site)).toBe(true);
      expect(existsSync(join(folder, 'temporal-1.8.2', 'temporal'))).toBe(true);
      expect(await downloadTemporal('1.9.0', say, site)).toBe(false); // says that it is another version
      expect(existsSync(join(folder, 'temporal-1.9.0'))).toBe(false);
    },
  );
});

test('a site that never answers costs seconds, not minutes', async () => {
  await serving(
    () => undefined,
    async (site) => {
      const start = Date.now();
      expect(await downloadTemporal('1.8.2', say, site)).toBe(false);
      expect(Date.now() - start).toBeLessThan(6_000);
    },
  );
});

test('the cache lock of a killed build is taken over', async () => {
  const file = join(folder, 'three-1.0.lock');
  const holder = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/hold-lock.ts'), file]);
  await once(holder.stdout, 'data');
  const waiting = build('three-1.0', async (to) => writeFileSync(join(to, 'whole'), ''));
  await sleep(100);
  holder.kill('SIGKILL');
  expect(existsSync(join(await waiting, 'whole'))).toBe(true);
});

function script(name: string, body: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

async function serving(
  answer: (response: { end: (body: Buffer) => void }) => void,
  work: (site: string) => Promise<void>,
): Promise<void> {
  const server: Server = createServer((_, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
