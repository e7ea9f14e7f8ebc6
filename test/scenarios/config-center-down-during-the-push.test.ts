import { afterAll, beforeAll, expect, test } from 'vitest';
import { crash } from '../../lab/faults.ts';
import { allKept, openScenario, stepOf, type Scenario } from './scenario.ts';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario();
});
afterAll(() => scenario.close());

test.each([
  ['etcd', 'push/payments', 'east', 'west'],
  ['nacos', 'push/orders', 'west', 'east'],
] as const)('with %s down the push waits and completes when it is back', async (center, step, from, to) => {
  const run = await scenario.start('site-failover', '--from', from, '--to', to);
  await scenario.fenced();
  await crash(scenario.lab, center, 3_000);
  const record = await run.settled(240_000);

  expect(record.outcome).toBe('completed');
  expect(stepOf(record, step).outcome?.status).toMatch(/^(done|already)$/);
  const { acknowledged } = scenario.writer.counters();
  await scenario.writer.reach(acknowledged + 100, 60_000);
});

test('nothing was lost, stored twice or taken by two units', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
