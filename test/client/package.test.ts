import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

// The package as somebody else installs it: Node strips no types below node_modules, so it holds JavaScript.
const folder = mkdtempSync(join(tmpdir(), 'siteshift-package-'));
const modules = join(folder, 'node_modules');
const installed = join(modules, 'siteshift');
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });

beforeAll(() => {
  const packing = ['pack', '--silent', '--pack-destination', folder];
  execFileSync('npm', packing, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [archive = ''] = readdirSync(folder);
  mkdirSync(installed, { recursive: true });
  run('tar', '-xzf', archive, '-C', installed, '--strip-components=1');
  // What it depends on, from here: nothing of this project's own folder.
  for (const name of readdirSync('node_modules').filter((one) => !one.startsWith('.') && one !== 'siteshift'))
    symlinkSync(resolve('node_modules', name), join(modules, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('its CLI runs', () => {
  expect(run(process.execPath, join(installed, 'dist/client/cli.js'), '--version')).toMatch(
    /^\d+\.\d+\.\d+\n$/,
  );
});

test('an application imports its follower by name', () => {
  writeFileSync(
    join(folder, 'application.mjs'),
    "import { createFollowingPool } from 'siteshift/follower'; console.log(typeof createFollowingPool);",
  );
  expect(run(process.execPath, 'application.mjs')).toBe('function\n');
});

test('its worker bundles the workflows', () => {
  run(process.execPath, join(installed, 'dist/worker/bundle.js'), 'workflows.js');
  expect(existsSync(join(folder, 'workflows.js'))).toBe(true);
});

test.each(['siteshift-worker', 'siteshift-gateway-agent'])(
  '%s starts, and says what its configuration lacks',
  (program) => {
    const { bin } = JSON.parse(run('cat', join(installed, 'package.json'))) as {
      bin: Record<string, string>;
    };
    const file = join(installed, bin[program] ?? program);
    expect(run('head', '-1', file)).toBe('#!/usr/bin/env node\n');
    expect(() => run(process.execPath, file)).toThrow(/expected|missing|usage/);
  },
);
