import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import { runCli } from '../../lab/cli.ts';
import { obtainTemporal, startTemporal } from '../../lab/engines/temporal.ts';
import { searchAttributes } from '../../lab/sites/layout.ts';
import { startWorker, type ProductEnvironment } from '../../lab/sites/start-worker.ts';
import { allKept, openScenario, type Scenario } from './scenario.ts';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false });
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
  const args = [
    'run',
    'site-failover',
    '--from',
    'east',
    '--to',
    'west',
    '--reason',
    'both at once',
    '--on-park',
    'exit',
    '--json',
  ];
  const { stdout, stderr } = await runCli(environment, args);
  const { record } = JSON.parse(stdout || `{"record": {"refused": ${JSON.stringify(stderr)}}}`) as {
    record: RunRecord;
  };
  return record;
};

test('of two orchestrators that start at once, the targets follow one and refuse the other by name', async () => {
  const twin = await secondOrchestrator();
  const records = await Promise.all([failOver(scenario.lab.environment), failOver(twin)]);

  const completed = records.filter((record) => record.outcome === 'completed');
  expect(completed).toHaveLength(1);
  const [winner] = completed;
  const loser = records.find((record) => record !== winner);
  expect(loser?.outcome).not.toBe('completed');
  expect(JSON.stringify(loser?.steps.map(({ outcome }) => outcome?.summary))).toContain(winner?.operation.id);
  expect(await scenario.judge()).toEqual(allKept);
});
