import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import { cut, heal, kill, partition } from '../../lab/faults.ts';
import { allKept, openScenario, stepOf, wordsOf, type Scenario } from './scenario.ts';

/**
 * East is not dead: its applications and databases run, gw-3 went with it, and its users go on writing through that
 * gateway. But neither the orchestrator nor west nor the config center hears anything of it.
 */
let scenario: Scenario;
let workflowId: string;
let record: RunRecord;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false, paths: true });
  const { lab } = scenario;
  partition(lab, 'east', 'west');
  cut(lab, 'worker', 'east');
  cut(lab, 'east', 'etcd');
  for (const part of ['worker', 'gw-1-agent', 'gw-2-agent']) cut(lab, part, 'gw-3-agent');
  for (const peer of ['gw-1-agent', 'gw-2-agent']) cut(lab, 'gw-3-agent', peer);
  cut(lab, 'gw-3-proxy', 'west');
  ({ workflowId, record } = await scenario.run(
    'site-failover',
    '--from',
    'east',
    '--to',
    'west',
    '--forced',
  ));
});
afterAll(() => scenario.close());

test('the gateway that went with the site counts as fenced by its lease, and the old primaries by their acknowledgers', () => {
  expect(wordsOf(record, 'fence')).toMatch(/^finished done: .*gw-3: its lease has run out/);
  for (const database of ['orders', 'payments']) {
    expect(wordsOf(record, `promote/${database}`)).toMatch(/^finished done: /);
    const { outcome } = stepOf(record, `promote/${database}`);
    expect(outcome?.evidence.find(({ what }) => what === 'fence')?.value).toMatch(
      /^proven: .* cannot acknowledge/,
    );
    expect(outcome?.leftToDo?.join()).toMatch(/end its process with SIGKILL if it still runs/);
  }
});

test('who still reaches only the lost site is not served by anybody, and a person is told', () => {
  expect(wordsOf(record, 'open')).toMatch(/^finished done: /);
  expect(wordsOf(record, 'verify/west')).toMatch(/^parked failed: .* through gw-3: HTTP 503 .*lease/);
});

test('when the cut is healed the gateway catches up, and what is left to do is done', async () => {
  heal(scenario.lab);
  expect(await scenario.retry(workflowId, 'verify/west', 'the network is back')).toBe('completed');
  for (const node of ['orders-east-1', 'payments-east-1']) await kill(scenario.lab, node);
  const { acknowledged } = scenario.writer.counters();
  await scenario.writer.reach(acknowledged + 100, 30_000);
});

test('nothing was lost, stored twice or taken by two units, and never did two primaries take writes', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
