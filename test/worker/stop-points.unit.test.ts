import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createReached } from '../../worker/stop-points.ts';

const folder = mkdtempSync(join(tmpdir(), 'siteshift-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stopPoints = new URL('../../worker/stop-points.ts', import.meta.url).href;

/** A process that reaches `a`, then `b`, and prints each one that it has passed. */
function passes(stopAt: unknown): { readonly passed: string; readonly signal: string | null } {
  const code = `
    import { createReached } from ${JSON.stringify(stopPoints)};
    const reached = createReached(${JSON.stringify(JSON.stringify(stopAt))});
    for (const point of ['a', 'b']) { await reached(point); process.stdout.write(point); }`;
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  return { passed: stdout, signal };
}

test('the process dies exactly there, as often as wished, over restarts', () => {
  const marker = join(folder, 'marker');
  const stopAt = [{ point: 'b', times: 2, action: 'SIGKILL', marker }];
  expect(passes(stopAt)).toEqual({ passed: 'a', signal: 'SIGKILL' });
  expect(passes(stopAt)).toEqual({ passed: 'a', signal: 'SIGKILL' });
  expect(passes(stopAt)).toEqual({ passed: 'ab', signal: null });
  expect(readFileSync(marker, 'utf8')).toBe('2');
});

test('without the setting nothing is reached and nothing is written', async () => {
  await createReached(undefined)('a');
  expect(existsSync(join(folder, 'unused'))).toBe(false);
});

test.each([
  ['no json'],
  ['{}'],
  ['[{"point": "a"}]'],
  ['[{"point": "a", "marker": "m", "action": "EXPLODE"}]'],
])('%s is refused', (stopAt) => {
  expect(() => createReached(stopAt)).toThrow(
    /^SITESHIFT_STOP_AT: expected a JSON list of \{point, times, action, marker\}/,
  );
});
