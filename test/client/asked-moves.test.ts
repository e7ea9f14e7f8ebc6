import { expect, test } from 'vitest';
import { askedMoves, refusalFindings } from '../../client/asked-moves.ts';
import { possibleMoves } from '../../client/possible-moves.ts';
import { readSources } from '../../client/source-files.ts';
import { loadInventory } from '../../domain/schema/load.ts';
import { validInventory, validKubernetes } from '../schema/valid-texts.ts';

const runbooks = await readSources('siteshift.example.yaml', 'runbooks');

function movesOf(text: string, without: readonly string[] = []) {
  const inventory = loadInventory(text, 'siteshift.yaml');
  if (!inventory.ok) throw new Error('the inventory is not valid');
  return possibleMoves(
    inventory,
    runbooks.runbooks.filter(({ value }) => !without.includes(value.name)),
  );
}
const words = (moves: ReturnType<typeof movesOf>) =>
  moves.map(({ runbook, from, to }) => `${runbook} ${from} ${to}`);

test('every failover is asked about, for nobody knows which site will be lost', () => {
  expect(words(askedMoves(movesOf(validInventory)))).toEqual([
    'site-failover east west',
    'site-failover west east',
  ]);
});

test('clusters are rehearsed once besides', () => {
  expect(words(askedMoves(movesOf(validInventory + validKubernetes)))).toEqual([
    'site-failover east west',
    'site-failover west east',
    'kubernetes-rehearsal east west',
  ]);
});

test('without site-failover, what promotes databases is asked about', () => {
  const asked = askedMoves(movesOf(validInventory, ['site-failover']));
  expect(asked).not.toEqual([]);
  expect(asked.filter(({ promotes }) => !promotes)).toEqual([]);
});

const refusal = (detail: string) => {
  const [move] = askedMoves(movesOf(validInventory));
  if (move === undefined) throw new Error('there is no move to ask about');
  const promote = move.stepIds.indexOf('promote');
  return refusalFindings(move, detail.replace('PROMOTE', String(promote)));
};

test('databases that do not answer are a finding of the step, with what helps', () => {
  const line =
    'could not wait for run r: runbooks/site-failover.yaml:50:5 steps[PROMOTE].with.databases: expected to find the primary of orders among a, b, saw none (a: ECONNREFUSED)';
  const [finding, ...more] = refusal(line);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ what: 'precheck site-failover east to west, promote', ok: false });
  expect(finding?.detail).toContain('the primary of orders among a, b, saw none (a: ECONNREFUSED)');
  expect(finding?.remedy).toMatch(/^start the database servers/);
});

test('a site that stands by has nothing to move, and that is well', () => {
  const line =
    'could not wait for run r: runbooks/site-failover.yaml:8:3 steps: expected a step that stands for something here, saw fence: …';
  expect(refusal(line)).toEqual([
    {
      what: 'precheck site-failover east to west',
      ok: true,
      detail: 'nothing is served at east now: there is nothing to move',
    },
  ]);
});

test('a run that fails without a word about the plan sends nobody to the files', () => {
  expect(refusal('could not wait for run r: no answer in time')).toMatchObject([
    { ok: false, remedy: "look at the run in Temporal's UI and at the worker's log" },
  ]);
});
