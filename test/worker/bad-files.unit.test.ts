import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compilePlanFrom } from '../../activities/compile-plan.ts';
import { createActivities } from '../../activities/index.ts';
import { observeTopologyWith } from '../../activities/observe-topology.ts';
import { resolveSecret } from '../../activities/secrets.ts';
import type { ObservedTopology } from '../../domain/plan.ts';
import { swap, validRunbook } from '../schema/valid-texts.ts';
import { listenAtTargets, type ListeningTargets } from './listening-targets.ts';

let folder: string;
let targets: ListeningTargets;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-files-'));
  mkdirSync(join(folder, 'runbooks'));
  targets = await listenAtTargets();
});
afterAll(() => {
  targets.close();
  rmSync(folder, { recursive: true, force: true });
});

const fileOf = (name: string) => join(folder, name);
const surroundings = {
  secret: (reference: string) => resolveSecret(reference),
  redact: (text: string) => text,
  reached: async () => {},
};

const activityEnvironment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

/** What a run does before its first step, by the worker's own activities. @returns how it ended, and who was asked */
async function planWith(name: string, content: string | Uint8Array) {
  writeFileSync(fileOf('siteshift.yaml'), targets.inventory);
  writeFileSync(fileOf('runbooks/move.yaml'), validRunbook);
  writeFileSync(fileOf(name), content);
  const files = { inventoryFile: fileOf('siteshift.yaml'), runbooksFolder: fileOf('runbooks') };
  const request = { runbook: 'move', from: 'east', to: 'west' };
  const activities = activityEnvironment();
  const said = await activities
    .run(observeTopologyWith(files, surroundings), { request })
    .then((seen) => activities.run(compilePlanFrom(files), { request, observed: seen as ObservedTopology }))
    .then(
      () => 'a plan',
      (error: { readonly type?: string; readonly message: string }) => `${error.type}: ${error.message}`,
    );
  return { said: said.replaceAll(`${folder}/`, ''), asked: new Set(targets.taken()) };
}

const latin1 = Buffer.from('name: caf\xe9', 'latin1');
const huge = `# ${'x'.repeat(1024 * 1024)}\n`;

test.each<[string, () => string | Uint8Array, string]>([
  ['Latin-1', () => latin1, '1:1: expected UTF-8 text, saw bytes that are not UTF-8'],
  ['over a megabyte', () => huge, '1:1: expected at most 1048576 bytes, saw 1048579 bytes'],
  [
    'of another engine',
    () => swap(targets.inventory, 'engine: mysql', 'engine: oracle'),
    '8:13 databases.orders.engine: expected "mysql" or "mariadb", saw "oracle"',
  ],
])('an inventory that is %s stops a run before anybody is asked anything', async (_, content, words) => {
  expect(await planWith('siteshift.yaml', content())).toEqual({
    said: `InvalidInventory: siteshift.yaml:${words}`,
    asked: new Set(),
  });
});

test.each<[string, string | Uint8Array, RegExp]>([
  ['Latin-1', latin1, /^InvalidInventory: runbooks\/move\.yaml:1:1: expected UTF-8 text, saw bytes/],
  ['over a megabyte', huge, /^InvalidInventory: runbooks\/move\.yaml:1:1: expected at most 1048576 bytes/],
  [
    'with a step that there is not',
    swap(validRunbook, 'uses: promoteDatabase', 'uses: promote'),
    /^InvalidInventory: runbooks\/move\.yaml:13:11 steps\[1\]\.uses: expected .*, saw "promote"$/,
  ],
  [
    'to a site that there is not',
    swap(validRunbook, "to: '${to}' }\n  - id: push", 'to: mars }\n  - id: push'),
    /^PlanRefused: runbooks\/move\.yaml:15:54 steps\[1\]\.with\.to: expected a site: "east" or "west", saw "mars"$/,
  ],
  [
    'that wants more than the request gives',
    swap(validRunbook, 'default: 3', 'required: true'),
    /^PlanRefused: runbooks\/move\.yaml:7:3 parameters\.count: expected a number in the request, saw nothing$/,
  ],
])('a runbook %s stops a run before anybody is asked anything', async (_, content, words) => {
  const { said, asked } = await planWith('runbooks/move.yaml', content);
  expect(said).toMatch(words);
  expect(asked).toEqual(new Set());
});

// The gateways are asked for their state: what is wrong here is not in a file.
test('a runbook about databases whose passwords cannot be read stops a run after a look around', async () => {
  const { said, asked } = await planWith('runbooks/move.yaml', validRunbook);
  expect(said).toMatch(/^PlanRefused: [^]*expected to find the primary of orders/);
  expect(asked).toEqual(new Set(['GET /v1/state HTTP/1.1']));
});

test('a secret that cannot be read stops a step before its target is asked', async () => {
  const files = { inventoryFile: fileOf('siteshift.yaml'), runbooksFolder: fileOf('runbooks') };
  const { callHook } = createActivities({ files, surroundings });
  if (callHook === undefined) throw new Error('the worker has no activity callHook');
  const [, url = ''] = /page: { url: '([^']+)'/.exec(targets.inventory) ?? [];
  const input = {
    operation: { id: 'op', domain: 'shop', epoch: 1, reason: 'test', by: 'test' },
    step: 'page',
    mode: 'apply' as const,
    style: 'graceful' as const,
    parameters: { hook: 'page', url, token: `file:${fileOf('no-such-secret')}`, timeoutMs: 1_000, with: {} },
  };
  await expect(activityEnvironment().run(callHook, input)).rejects.toThrow(
    /no-such-secret: cannot read the file: ENOENT/,
  );
  expect(targets.taken()).toEqual([]);
});
