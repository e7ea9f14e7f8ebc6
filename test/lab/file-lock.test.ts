import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lock, lockHolder, tryLock } from '../../lab/process/file-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('one holder at a time, in this process too', () => {
  const file = join(folder, 'one.lock');
  const held = tryLock(file);
  expect(held).toBeDefined();
  expect(tryLock(file)).toBeUndefined();
  held?.release();
  const again = tryLock(file);
  expect(again).toBeDefined();
  again?.release();
});

test('a lock ends with its process, also by kill -9', async () => {
  const file = join(folder, 'other.lock');
  const holder = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/hold-lock.ts'), file]);
  const [printed] = (await once(holder.stdout, 'data')) as [Buffer];
  expect(printed.toString()).toBe('held\n');
  expect(tryLock(file)).toBeUndefined();
  expect(lockHolder(file)).toBe(`process ${holder.pid}`);

  const waiting: string[] = [];
  const waiter = lock(file, (who) => waiting.push(who));
  holder.kill('SIGKILL');
  (await waiter).release();
  expect(waiting).toEqual([`process ${holder.pid}`]);
});
