import { expect, test } from 'vitest';
import { readSources } from '../../client/source-files.ts';
import { checkReferences } from '../../domain/schema/check-references.ts';
import { loadInventory, loadRunbook } from '../../domain/schema/load.ts';
import { validInventory, validKubernetes, validRunbook } from './valid-texts.ts';

const inventory = (() => {
  const loaded = loadInventory(validInventory + validKubernetes, 'siteshift.yaml');
  if (!loaded.ok) throw new Error('the inventory is not valid');
  return loaded.value;
})();

const strange = `version: 1
name: move
description: Needs a word that no check can guess.
parameters:
  word: { type: string, required: true }
  spare: { type: site, default: venus }
steps:
  - { id: ring, uses: callHook, with: { hook: nobody, afterAbort: leave, parameters: { to: mars } } }
  - { id: fence, uses: fenceUnits, with: { units: [east-a, north-a], to: mars } }
  - { id: promote, uses: promoteDatabase, with: { databases: [orders, stock], to: '\${word}' } }
  - { id: push, uses: pushDatasource, with: { datasources: { of: [stock] }, to: west } }
  - { id: point, uses: pushDatasource, with: { datasources: [stock-rw], to: west } }
  - { id: restore, uses: restoreBackup, with: { from: pluto, to: west, location: tapes } }
  - { id: apply, uses: applyManifests, with: { to: west, store: shelf } }
  - { id: move, uses: promoteDatabase, with: { databases: { primaryAt: mars }, to: west } }
`;

test('names that only the runbook knows are told with their line, whatever the request may say', () => {
  const runbook = loadRunbook(strange, 'runbooks/move.yaml');
  if (!runbook.ok) throw new Error(runbook.problems.map(({ message }) => message).join());
  const told = checkReferences(runbook, inventory).map(
    ({ line, path, expected, seen }) => `${line} ${path}: ${expected}, saw ${seen}`,
  );
  expect(told).toEqual([
    '6 parameters.spare.default: a site: "east" or "west", saw "venus"',
    '8 steps[0].with.hook: a hook: "page", saw "nobody"',
    '9 steps[1].with.units[1]: a unit: "east-a" or "west-a", saw "north-a"',
    '9 steps[1].with.to: a site: "east" or "west", saw "mars"',
    '10 steps[2].with.databases[1]: a database: "orders" or "billing", saw "stock"',
    '11 steps[3].with.datasources.of[0]: a database: "orders" or "billing", saw "stock"',
    '12 steps[4].with.datasources[0]: a datasource: "orders-rw" or "billing-rw", saw "stock-rw"',
    '13 steps[5].with.from: a site: "east" or "west", saw "pluto"',
    '13 steps[5].with.location: a backup location: "backups", saw "tapes"',
    '14 steps[6].with.store: a manifest store: "manifests", saw "shelf"',
    '15 steps[7].with.databases.primaryAt: a site: "east" or "west", saw "mars"',
  ]);
});

test('a run of one style is not refused for a step that only the other style has', () => {
  const text = strange.replace('uses: callHook, with', 'uses: callHook, only: graceful, with');
  const runbook = loadRunbook(text, 'runbooks/move.yaml');
  if (!runbook.ok) throw new Error(runbook.problems.map(({ message }) => message).join());
  const hooks = (style?: 'graceful' | 'forced') =>
    checkReferences(runbook, inventory, style).filter(({ seen }) => seen === '"nobody"').length;
  expect([hooks(), hooks('graceful'), hooks('forced')]).toEqual([1, 1, 0]);
});

test('what the runbooks of siteshift name is there', async () => {
  const { runbooks } = await readSources('siteshift.example.yaml', 'runbooks');
  expect(runbooks.length).toBeGreaterThan(5);
  const move = loadRunbook(validRunbook, 'runbooks/move.yaml');
  for (const runbook of [...runbooks, ...(move.ok ? [move] : [])])
    expect(checkReferences(runbook, inventory)).toEqual([]);
});
