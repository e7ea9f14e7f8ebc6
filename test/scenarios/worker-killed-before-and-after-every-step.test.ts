import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import { loseSite } from '../../lab/faults.ts';
import { allKept, openScenario, type Scenario } from './scenario.ts';

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

/** Runs while the worker dies once at each point, in succession; every death must have happened. */
async function runKilledAt(points: readonly string[], ...args: string[]): Promise<RunRecord> {
  const acknowledged = scenario.writer.counters().acknowledged;
  const worker = await scenario.workerThatDiesAt(points);
  const { code, record } = await scenario.run('site-failover', ...args);
  await worker.stop();
  expect(worker.deaths()).toBe(points.length);
  expect({
    outcome: record.outcome,
    code,
    steps: record.steps.map(({ outcome }) => outcome?.status),
  }).toEqual({
    outcome: 'completed',
    code: 0,
    steps: record.steps.map(() => expect.stringMatching(/^(done|already)$/) as unknown),
  });
  await scenario.writer.reach(acknowledged + 50, 30_000);
  return record;
}

// One lab: a planned failover to and fro, and then the site is lost for good.
test('a worker killed before each apply is replaced, and a planned run completes', () =>
  runKilledAt(before, '--from', 'east', '--to', 'west'));

test('a worker killed after each apply is replaced, and a planned run completes', () =>
  runKilledAt(after, '--from', 'west', '--to', 'east'));

test('a worker killed before and after each apply is replaced in an emergency, too', async () => {
  await loseSite(scenario.lab, 'east');
  const record = await runKilledAt([...before, ...after], '--from', 'east', '--to', 'west', '--forced');
  expect(record.style).toBe('forced');
});

test('nothing was lost, stored twice or taken by two units, and never were two primaries open', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
