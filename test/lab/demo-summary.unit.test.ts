import { expect, test } from 'vitest';
import { brokenPromises, type DemoSummary } from '../../lab/demo/summary.ts';

const kept: DemoSummary = {
  outcome: 'completed',
  acknowledgedWrites: 5_100,
  writesByGateway: { 'gw-1': 1_700, 'gw-2': 1_700, 'gw-3': 1_700 },
  lostWrites: 0,
  duplicateWrites: 0,
  misroutedWrites: 0,
  writeGapMs: 2_100,
  decisionToFirstWriteMs: 1_900,
  databaseBranchMs: 1_700,
  databases: [
    { name: 'orders', engine: 'mysql', electToOpenMs: 300 },
    { name: 'payments', engine: 'mariadb', freezeToOpenMs: 40 },
  ],
  consumersAcked: 4,
  consumersTotal: 4,
  twoWritablePrimaries: [],
  writablePolls: 400,
  writableLooksPerSecond: 18.2,
  reportPath: 'report.html',
  examples: [],
  timeline: [],
};
const clusters = { objectsExpected: 600, objectsPresent: 600, objectsReady: 600, differences: [] };

test.each([
  ['without clusters', kept],
  ['with clusters', { ...kept, ...clusters }],
])('a demo that kept its promises has nothing to say, %s', (_, summary) => {
  expect(brokenPromises(summary, 5_000)).toEqual([]);
});

test.each<[broken: Partial<DemoSummary>, words: readonly string[]]>([
  [{ outcome: 'parked' }, ['outcome: expected completed, saw parked']],
  [{ acknowledgedWrites: 4_999 }, ['acknowledged writes: expected 5000, saw 4999']],
  [
    { writesByGateway: { 'gw-1': 5_100, 'gw-2': 0 } },
    ['acknowledged writes by gateway: expected some at each, saw {"gw-1":5100,"gw-2":0}'],
  ],
  [
    { lostWrites: 1, examples: ['lost: {"user":"user-7"}'] },
    ['1 acknowledged writes are lost', 'lost: {"user":"user-7"}'],
  ],
  [{ duplicateWrites: 2 }, ['2 writes are stored more than once']],
  [{ misroutedWrites: 3 }, ['3 writes were taken by a unit that had lost the bucket']],
  [
    { twoWritablePrimaries: ['orders: a and b both take writes'] },
    ['two nodes took writes at once: orders: a and b both take writes'],
  ],
  [
    { writablePolls: 90, writableLooksPerSecond: 4.9 },
    ['whether two nodes take writes was watched too seldom: expected more than 5 looks/s, saw 4.9'],
  ],
  [{ databases: [{ name: 'orders', engine: 'mysql' }] }, ['a database was not promoted']],
  [{ consumersAcked: 3 }, ['3 of 4 consumers acknowledged']],
  [{ consumersAcked: 0, consumersTotal: 0 }, ['0 of 0 consumers acknowledged']],
  [{ decisionToFirstWriteMs: Infinity }, ['no user of the lost site was served by the survivor']],
  [
    { ...clusters, objectsReady: 599, differences: ['ConfigMap shop/a: missing'] },
    ['clusters: expected 600 objects, at least 500; 600 are there, 599 ready', 'ConfigMap shop/a: missing'],
  ],
  [
    { ...clusters, objectsExpected: 20, objectsPresent: 20, objectsReady: 20 },
    ['clusters: expected 20 objects, at least 500; 20 are there, 20 ready'],
  ],
])('%j', (broken, words) => {
  expect(brokenPromises({ ...kept, ...broken }, 5_000)).toEqual(words);
});
