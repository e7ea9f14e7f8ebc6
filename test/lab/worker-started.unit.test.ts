import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startedByLog } from '../../lab/sites/start-worker.ts';

test('a worker counts as started by what it has said itself, not by the log of those before it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'worker.log');
  const say = (message: string) => appendFileSync(file, `${JSON.stringify({ msg: message })}\n`);
  const isReady = (check: ReturnType<typeof startedByLog>) =>
    check.ready().then(
      () => true,
      () => false,
    );

  // Without any log, as on a fresh machine.
  const first = startedByLog(file);
  first.prepare?.();
  say('connecting');
  expect(await isReady(first)).toBe(false);
  say('worker started');
  expect(await isReady(first)).toBe(true);
  expect(await isReady(first)).toBe(true);

  // Restarted, and killed right after it had said so, before anybody looked.
  first.prepare?.();
  say('worker started');
  first.prepare?.();
  expect(await isReady(first)).toBe(false);
  say('worker started');
  expect(await isReady(first)).toBe(true);

  // Another lab in the same folder.
  const second = startedByLog(file);
  second.prepare?.();
  expect(await isReady(second)).toBe(false);
  say('worker started');
  expect(await isReady(second)).toBe(true);
});
