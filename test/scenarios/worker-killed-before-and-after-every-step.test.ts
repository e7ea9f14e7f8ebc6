import { afterAll, beforeAll, expect, test } from 'vitest';
import { summarise } from '../../domain/report/summary.ts';
import { loseSite } from '../../lab/faults.ts';
import { allKept, openScenario, wordsOf, type Scenario } from './scenario.ts';

const kinds = [
  'claimEpoch',
  'fenceUnits',
  'promoteDatabase',
  'pushDatasource',
  'openUnits',
  'verifyEndpoint',
];
const before = kinds.map((kind) => `${kind}:before-apply`);
const after = kinds.map((kind) => `${kind}:after-apply`);

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario();
});
afterAll(() => scenario.close());

/** Runs while the worker dies once at each point, in succession. */
async function runKilledAt(points: readonly string[], ...args: string[]) {
  const { acknowledged } = scenario.writer.counters();
  const worker = await scenario.workerThatDiesAt(points);
  const { code, record } = await scenario.run('site-failover', ...args);
  await worker.stop();
  await scenario.writer.reach(acknowledged + 50, 30_000);
  const states = record.steps.map(({ id }) => wordsOf(record, id));
  const ledger = summarise(record).losses.map(
    ({ step, evidence: { what, value } }) => `${step}: ${what}: ${JSON.stringify(value)}`,
  );
  const left = record.leftToDo.filter((sentence) => sentence.startsWith('promote/'));
  return {
    deaths: worker.deaths(),
    code,
    outcome: record.outcome,
    style: record.style,
    states,
    ledger,
    left,
  };
}

const databases = ['promote/orders', 'promote/payments'];

/** What the killed worker had found out must be in the record all the same. @param fact of each database */
const completed = (deaths: number, style: string, fact: string, left: readonly string[]) => ({
  deaths,
  code: 0,
  outcome: 'completed',
  style,
  states: expect.not.arrayContaining([expect.not.stringMatching(/^finished (done|already): /)]) as unknown,
  ledger: expect.arrayContaining(
    databases.map((step) => expect.stringMatching(new RegExp(`^${step}: ${fact}`)) as unknown),
  ) as unknown,
  left: left.map((sentence) => expect.stringContaining(sentence) as unknown),
});
const proven = 'candidate holds exactly the freeze position: ';

// One lab: a planned failover to and fro, and then the site is lost for good.
test('a worker killed before each apply is replaced, and a planned run completes', async () => {
  const ended = await runKilledAt(before, '--from', 'east', '--to', 'west');
  expect(ended).toEqual(completed(before.length, 'graceful', proven, []));
});

test('a worker killed after each apply is replaced, and a planned run completes', async () => {
  const ended = await runKilledAt(after, '--from', 'west', '--to', 'east');
  expect(ended).toEqual(completed(after.length, 'graceful', proven, []));
});

test('a worker killed before and after each apply is replaced in an emergency, too', async () => {
  await loseSite(scenario.lab, 'east');
  const points = [...before, ...after];
  const ended = await runKilledAt(points, '--from', 'east', '--to', 'west', '--forced');
  expect(ended).toEqual(
    completed(
      points.length,
      'forced',
      'loss: "no acknowledged transaction is lost: by construction',
      ['orders-east-1', 'payments-east-1'].map((node) => `${node} could not be reached: end its process`),
    ),
  );
});

test('nothing was lost, stored twice or taken by two units, and never were two primaries open', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
