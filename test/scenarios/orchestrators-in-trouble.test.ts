import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import { runCli } from '../../lab/cli.ts';
import { obtainTemporal, startTemporal } from '../../lab/engines/temporal.ts';
import { kill } from '../../lab/faults.ts';
import { searchAttributes } from '../../lab/sites/layout.ts';
import { startWorker, type ProductEnvironment } from '../../lab/sites/start-worker.ts';
import { allKept, openScenario, stepOf, wordsOf, type Scenario } from './scenario.ts';

const frozen = 'promoteDatabase:before-write-journal';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false, workerHaltsAt: [frozen] });
});
afterAll(() => scenario.close());

/** Another Temporal with another worker: its lock on the domain is worth nothing here, only the targets can tell. */
async function secondOrchestrator(): Promise<ProductEnvironment> {
  const { lab } = scenario;
  const ports = { frontend: await lab.ports.next(), ui: await lab.ports.next() };
  await startTemporal(lab.supervisor, {
    program: await obtainTemporal(() => undefined),
    name: 'temporal-twin',
    databaseFile: join(lab.folder, 'temporal-twin.db'),
    searchAttributes,
    ports,
  });
  const environment = { ...lab.environment, SITESHIFT_TEMPORAL_ADDRESS: `127.0.0.1:${ports.frontend}` };
  await startWorker(lab.supervisor, 'worker-twin', environment);
  return environment;
}

const failOver = async (environment: ProductEnvironment): Promise<RunRecord> => {
  const move = ['run', 'site-failover', '--from', 'west', '--to', 'east', '--reason', 'both at once'];
  const { stdout, stderr } = await runCli(environment, [...move, '--on-park', 'exit', '--json']);
  const { record } = JSON.parse(stdout || `{"record": {"refused": ${JSON.stringify(stderr)}}}`) as {
    record: RunRecord;
  };
  return record;
};

test('a run goes on where it was when the Temporal server is back on its file', async () => {
  const halt = scenario.haltAt(frozen);
  const run = await scenario.start('site-failover', '--from', 'east', '--to', 'west');
  await halt.reached(); // a database is frozen, and no other is open yet
  const lostAt = Date.now();
  await kill(scenario.lab, 'temporal');
  halt.goOn();
  await sleep(2_000); // the worker ends both promotions meanwhile, and has nobody to tell
  const backFrom = Date.now();
  await scenario.lab.part('temporal').restart();

  const record = await run.settled();
  expect(record.outcome).toBe('completed');
  for (const database of ['orders', 'payments']) {
    expect(wordsOf(record, `promote/${database}`)).toMatch(/^finished (done|already): /);
    const { startedAt = 0, endedAt = 0 } = stepOf(record, `promote/${database}`);
    expect({ before: startedAt < lostAt, after: endedAt >= backFrom }).toEqual({ before: true, after: true });
  }
});

test('of two orchestrators that start at once, the targets follow one and refuse the other by name', async () => {
  const twin = await secondOrchestrator();
  const records = await Promise.all([failOver(scenario.lab.environment), failOver(twin)]);

  const completed = records.filter((record) => record.outcome === 'completed');
  expect(completed).toHaveLength(1);
  const [winner] = completed;
  const loser = records.find((record) => record !== winner);
  expect(loser?.outcome).not.toBe('completed');
  expect(JSON.stringify(loser?.steps.map(({ outcome }) => outcome?.summary))).toContain(winner?.operation.id);
});

test('nothing was lost, stored twice or taken by two units', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
