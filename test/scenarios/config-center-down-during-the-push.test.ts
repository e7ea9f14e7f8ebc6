import { afterAll, beforeAll, expect, test } from 'vitest';
import { kill } from '../../lab/faults.ts';
import { etcdKey } from '../../lab/sites/layout.ts';
import { consumersPerDatasource } from '../../lab/sites/write-inventory.ts';
import { allKept, openScenario, stepOf, wordsOf, type Scenario } from './scenario.ts';

/** The center goes while a push has begun, and before anybody has looked at it. */
const faults = [
  ['etcd', 'push/payments', 'pushDatasource:before-apply', 'east', 'west'],
  ['nacos', 'push/orders', 'promoteDatabase:before-write-journal', 'west', 'east'],
] as const;

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ workerHaltsAt: faults.map(([, , point]) => point) });
});
afterAll(() => scenario.close());

test.each(faults)('with %s down %s waits, says so, and completes when it is back', async (...fault) => {
  const [center, step, point, from, to] = fault;
  const halt = scenario.haltAt(point);
  const run = await scenario.start('site-failover', '--from', from, '--to', to);
  await halt.reached();
  await kill(scenario.lab, center);
  halt.goOn();
  await scenario.waitsFor(new RegExp(`config center ${center}\\b`));
  const backFrom = Date.now();
  await scenario.lab.part(center).restart();
  const record = await run.settled(240_000);

  expect(record.outcome).toBe('completed');
  expect(wordsOf(record, step)).toMatch(/^finished (done|already): /);
  // Everybody, whether the center knew of them or had just started and knew of nobody.
  const everybody = { live: consumersPerDatasource, missingCount: 0 };
  expect(stepOf(record, step).outcome?.after).toMatchObject(everybody);
  expect(stepOf(record, step).endedAt).toBeGreaterThanOrEqual(backFrom);
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
