import { createServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isPortFree, nacosPorts, reservePorts } from '../../lab/process/ports.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-ports-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('two labs never get the same port, Nacos and its derived ports included', async () => {
  const labs = [reservePorts(folder), reservePorts(folder)];
  const all: number[] = [];
  for (const lab of labs) {
    for (let index = 0; index < 20; index += 1) all.push(await lab.next());
    for (let index = 0; index < 4; index += 1) all.push(...nacosPorts(await lab.nextForNacos()));
  }
  expect(new Set(all).size).toBe(all.length);
  expect(Math.max(...all)).toBeLessThan(32_768);
  labs.forEach((lab) => lab.release());
});

test('a released block is given out again', () => {
  const first = reservePorts(folder);
  const { block } = first;
  first.release();
  const second = reservePorts(folder);
  expect(second.block).toBe(block);
  second.release();
});

test('a port on which somebody listens on loopback is skipped', async () => {
  const looking = reservePorts(folder);
  const taken = await looking.next();
  looking.release();
  const server = createServer();
  // Where another lab of this machine has taken it meanwhile, somebody listens, too.
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(taken, '127.0.0.1', resolve);
  });
  expect(await isPortFree(taken)).toBe(false);
  const ports = reservePorts(folder);
  expect(await ports.next()).toBeGreaterThan(taken);
  ports.release();
  server.close();
});
