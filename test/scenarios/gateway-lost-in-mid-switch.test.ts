import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayState } from '../../domain/gateway-protocol.ts';
import { reloadHaproxy } from '../../lab/engines/haproxy.ts';
import { kill, pause } from '../../lab/faults.ts';
import { allKept, openScenario, wordsOf, type Scenario } from './scenario.ts';
import { until } from './until.ts';

/** Every gateway is fenced, and the step that opens has looked at them. */
const fenced = 'openUnits:before-rules';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false, workerHaltsAt: [fenced] });
});
afterAll(() => scenario.close());

const stateOf = async (name: string): Promise<GatewayState> => {
  const gateway = scenario.lab.gateways.find((one) => one.name === name);
  const response = await fetch(`${gateway?.agentUrl ?? ''}/v1/state`);
  return (await response.json()) as GatewayState;
};
const workersOf = async (name: string) => (await stateOf(name)).workers.map(({ pid }) => pid);
const acceptedEpoch = async (name: string): Promise<number> => (await stateOf(name)).accepted.epoch;

/** A gateway that was away learns from its peers what is in force; nobody has to tell it. */
const caughtUp = (late: string, other: string) =>
  until(
    `${late} holds the rules that ${other} holds`,
    30_000,
    async () => (await acceptedEpoch(late)) === (await acceptedEpoch(other)),
  );

test('an agent that is paused beyond its lease is counted as fenced; a person is asked, and it catches up by itself', async () => {
  const agent = pause(scenario.lab, 'gw-2-agent');
  const { code, workflowId, record } = await scenario.run('site-failover', '--from', 'east', '--to', 'west');

  expect(wordsOf(record, 'fence')).toMatch(/^finished done: .*gw-2: its lease has run out/);
  expect(wordsOf(record, 'open')).toMatch(/^finished done: /);
  // Users of the other gateways are served. Those of gw-2 are not, and only a person knows whether that is fine.
  expect(code).toBe(4);
  expect(wordsOf(record, 'verify/west')).toMatch(/^parked failed: .*gw-2/);

  agent.resume();
  await caughtUp('gw-2', 'gw-1');
  expect(await scenario.retry(workflowId, 'verify/west', 'gw-2 is back')).toBe('completed');
});

test('a gateway that is killed in mid-switch, proxy and agent, does not hold the switch up', async () => {
  const halt = scenario.haltAt(fenced);
  const run = await scenario.start('site-failover', '--from', 'west', '--to', 'east');
  await halt.reached();
  await Promise.all([kill(scenario.lab, 'gw-3-proxy'), kill(scenario.lab, 'gw-3-agent')]);
  halt.goOn();

  const record = await run.settled();
  expect(wordsOf(record, 'fence')).toMatch(/^finished done: .* on 3 gateways/);
  expect(wordsOf(record, 'open')).toMatch(/^finished done: .* on 2 of 3 gateways/);
  // Its users are somebody's decision, as above; in an emergency (`--forced`) it would only be left to do.
  expect(wordsOf(record, 'verify/east')).toMatch(/^parked failed: .* through gw-3: no answer: ECONNREFUSED/);

  await scenario.lab.part('gw-3-proxy').restart();
  await scenario.lab.part('gw-3-agent').restart();
  await caughtUp('gw-3', 'gw-1');
  expect(await scenario.retry(run.workflowId, 'verify/east', 'gw-3 is back')).toBe('completed');
});

test('a proxy that is reloaded in mid-switch serves by the rules in force', async () => {
  const halt = scenario.haltAt(fenced);
  const run = await scenario.start('site-failover', '--from', 'east', '--to', 'west');
  await halt.reached();
  const before = await workersOf('gw-1');
  reloadHaproxy(scenario.lab.part('gw-1-proxy'));
  // The old one ends at once or later, as its connections do; test/gateway/faults.test.ts keeps one.
  await until('gw-1 has a new worker', 10_000, async () =>
    (await workersOf('gw-1')).some((pid) => !before.includes(pid)),
  );
  halt.goOn();

  const record = await run.settled();
  expect(record.outcome).toBe('completed');
  expect(wordsOf(record, 'open')).toMatch(/^finished done: .* on 3 of 3 gateways/);
});

test('nothing was lost, stored twice or taken by two units', async () => {
  const { acknowledged } = scenario.writer.counters();
  await scenario.writer.reach(acknowledged + 100, 30_000);
  expect(await scenario.judge()).toEqual(allKept);
});
