import { afterAll, beforeAll, expect, test } from 'vitest';
import { crash } from '../../lab/faults.ts';
import { etcdKey } from '../../lab/sites/layout.ts';
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

test('a config center that came back without its content is filled again, as on the first day', async () => {
  const etcdUrl = `http://127.0.0.1:${scenario.lab.part('etcd').ports['client']}`;
  const key = Buffer.from(etcdKey('payments')).toString('base64');
  const ask = async (operation: 'range' | 'deleterange') => {
    const response = await fetch(`${etcdUrl}/v3/kv/${operation}`, {
      method: 'POST',
      body: JSON.stringify({ key }),
    });
    return (await response.json()) as { deleted?: string; kvs?: readonly { value: string }[] };
  };
  expect(await ask('deleterange')).toMatchObject({ deleted: '1' });

  const { record } = await scenario.run('publish-datasources', '--to', 'east');
  expect(record.outcome).toBe('completed');
  expect(record.steps.map(({ kind }) => kind)).toEqual(['claimEpoch', 'pushDatasource', 'pushDatasource']);
  const [held] = (await ask('range')).kvs ?? [];
  expect(JSON.parse(Buffer.from(held?.value ?? '', 'base64').toString())).toMatchObject({
    primary: 'payments-east-1',
    epoch: record.operation.epoch,
  });
});

test('nothing was lost, stored twice or taken by two units', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
