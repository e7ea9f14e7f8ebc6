import { afterAll, beforeAll, expect, test } from 'vitest';
import { allKept, openScenario, type Scenario } from './scenario.ts';

const kinds = [
  'claimEpoch',
  'fenceUnits',
  'promoteDatabase',
  'pushDatasource',
  'openUnits',
  'verifyEndpoint',
];
const points = kinds.flatMap((kind) => [`${kind}:before-apply`, `${kind}:after-apply`]);

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario();
});
afterAll(() => scenario.close());

// One lab, moved to and fro: every run is a planned failover of a site under live writes.
test.each(points.map((point, index) => [point, index] as const))(
  'a worker killed at %s is replaced, and the run completes',
  async (point, index) => {
    const [from, to] = index % 2 === 0 ? ['east', 'west'] : ['west', 'east'];
    const before = scenario.writer.counters().acknowledged;
    const worker = await scenario.workerThatDiesAt(point);
    const { code, record } = await scenario.run('site-failover', '--from', from, '--to', to);
    await worker.stop();

    expect({
      outcome: record.outcome,
      code,
      steps: record.steps.map(({ outcome }) => outcome?.status),
    }).toEqual({
      outcome: 'completed',
      code: 0,
      steps: record.steps.map(() => expect.stringMatching(/^(done|already)$/) as unknown),
    });
    expect(worker.deaths()).toBe(1);
    await scenario.writer.reach(before + 50, 30_000);
  },
);

test('nothing was lost, stored twice or taken by two units, and never were two primaries open', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
