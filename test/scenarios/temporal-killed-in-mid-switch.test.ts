import { afterAll, beforeAll, expect, test } from 'vitest';
import { crash } from '../../lab/faults.ts';
import { allKept, openScenario, type Scenario } from './scenario.ts';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false });
});
afterAll(() => scenario.close());

test('a run goes on where it was when the Temporal server is back on its file', async () => {
  const run = await scenario.start('site-failover', '--from', 'east', '--to', 'west');
  await scenario.fenced();
  await crash(scenario.lab, 'temporal', 2_000);

  expect((await run.settled()).outcome).toBe('completed');
  expect(await scenario.judge()).toEqual(allKept);
});
