import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { cliLines } from '../../lab/cli-lines.ts';

test('pasted into a shell in any folder, they define the environment and siteshift', () => {
  const lines = cliLines({ SITESHIFT_INVENTORY: "/some folder/it's here.yaml" });
  const script = [...lines, 'echo "$SITESHIFT_INVENTORY"', 'siteshift --version'].join('\n');
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { cwd: tmpdir(), encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^\/some folder\/it's here\.yaml\n\d+\.\d+\.\d+\n$/);
});
