import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import { brokenPromises, type DemoSummary } from '../../lab/demo/summary.ts';
import { runCommand } from '../../lab/engines/run-command.ts';
import { repositoryFile } from '../../lab/sites/start-worker.ts';
import { startLink } from '../../lab/start-link.ts';
import { startTwoSiteLab, type TwoSiteLab } from '../../lab/two-site-lab.ts';
import type { RunResult } from '../../workflows/messages.ts';
import { planRun } from './ask-temporal.ts';
import { openTemporalPage, type TemporalPage } from './temporal-page.ts';

/** A mistake that people make: nobody can be served by the new unit before it is open. So `proof` parks, surely. */
const verifiesTooEarly = `version: 1
name: verifies-too-early
description: Moves the users of one unit, and looks for them at the new one before it is open.
parameters:
  unit: { type: string, required: true }
  to: { type: site, required: true }
steps:
  - { id: fence, uses: fenceUnits, with: { units: ['\${unit}'], to: '\${to}' } }
  - { id: proof, uses: verifyEndpoint, needs: [fence], with: { units: ['\${unit}'], to: '\${to}', timeoutMs: 500 } }
  - { id: open, uses: openUnits, needs: [proof], with: { units: ['\${unit}'], to: '\${to}' } }
`;

/** What `npm run demo -- --json FILE` is documented to write. */
const demoFigures = [
  'outcome',
  'acknowledgedWrites',
  'writesByGateway',
  'lostWrites',
  'duplicateWrites',
  'misroutedWrites',
  'writeGapMs',
  'decisionToFirstWriteMs',
  'isGoalReached',
  'databaseBranchMs',
  'databases',
  'consumersAcked',
  'consumersTotal',
  'twoWritablePrimaries',
  'writablePolls',
  'writableLooksPerSecond',
  'reportPath',
  'examples',
  'timeline',
];

let folder: string;
let lab: TwoSiteLab;
let ui: TemporalPage;
let connection: Connection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-ui-'));
  const runbooks = join(folder, 'runbooks');
  cpSync(repositoryFile('runbooks'), runbooks, { recursive: true });
  writeFileSync(join(runbooks, 'verifies-too-early.yaml'), verifiesTooEarly);
  lab = await startTwoSiteLab({
    folder: join(folder, 'lab'),
    say: () => undefined,
    nacos: false,
    workerEnvironment: { SITESHIFT_RUNBOOKS: runbooks },
  });
  connection = await Connection.connect({ address: lab.environment['SITESHIFT_TEMPORAL_ADDRESS'] ?? '' });
  ui = await openTemporalPage(lab.uiUrl);
});

afterAll(async () => {
  await ui.close();
  await connection.close();
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
});

const resultOf = async (workflowId: string): Promise<RunRecord> => {
  const { record } = (await new Client({ connection }).workflow.getHandle(workflowId).result()) as RunResult;
  return record;
};

/** SITESHIFT_PICTURES=docs/images writes them for the README; they are taken and looked at in any case. */
async function keepPicture(name: string, part: 'timeline' | 'details'): Promise<void> {
  const image = await ui.picture(part);
  const width = image.readUInt32BE(16);
  expect(width).toBeGreaterThan(1_200);
  expect(image.length).toBeLessThan(300_000);
  const wanted = process.env['SITESHIFT_PICTURES'];
  const target = wanted === undefined ? folder : repositoryFile(wanted);
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, `${name}.png`), image);
}

test('a precheck is started by the link that the lab prints, completes, and its timeline reads like sentences', async () => {
  const input = await ui.startByLink(await startLink(lab), 'precheck-from-the-ui');
  expect(input).toEqual({ runbook: 'site-failover', from: 'east', to: 'west', mode: 'precheck' });
  await ui.open('precheck-from-the-ui');
  await ui.hasStatus('Completed');
  await ui.timelineHas(
    'observeTopology • Look at the databases and gateways as they are now',
    'compilePlan • Compile the runbook into a plan',
    'claimEpoch • Check: Claim the next epoch of shop',
    'fenceUnits • Check: Fence buckets 0-59 of east',
    'promoteDatabase • Check: Promote orders in west (primary is orders-east-1 in east)',
    'promoteDatabase • Check: Promote payments in west (primary is payments-east-1 in east)',
    'pushDatasource • Check: Point orders to the primary of orders in west',
    'pushDatasource • Check: Point payments to the primary of payments in west',
    'openUnits • Check: Open buckets 0-59 at west',
    'verifyEndpoint • Check: Verify that users of buckets 0-59 are served by west',
  );
  await ui.detailsHave('precheck passed');
  const record = await resultOf('precheck-from-the-ui');
  expect(record.outcome).toBe('precheck passed');
  expect(record.operation.epoch).toBe(0); // it claimed none
});

test('a parked step says what it waits for, and is answered by an Update from its dialog', async () => {
  const request = { runbook: 'verifies-too-early', to: 'east', parameters: { unit: 'west' }, mode: 'real' };
  await ui.start('parks-in-the-ui', { ...request, by: 'ada', reason: 'the west is to be patched' });
  await ui.open(planRun);
  await ui.hasStatus('Running');
  await ui.detailsHave('parked', 'buckets 60-99 fenced', 'an operator (retry, force, skip or abort)');
  await keepPicture('parked-run-details', 'details');

  await ui.update('abort', { by: 'ada' });
  const dialog = await ui.updateRefused('abort: reason must be a text of 1 to 1000 characters; seen nothing');
  expect(dialog).not.toMatch(/^\s*at .+:\d+:\d+/m); // no stack: it would show the worker's paths

  await ui.update('abort', { by: 'ada', reason: 'it verifies before it opens' });
  await ui.hasStatus('Completed');
  await ui.timelineHas('abort', 'fenceUnits • Undo: Fence buckets 60-99 of west');
  await ui.detailsHave('aborted');
  const record = await resultOf('parks-in-the-ui');
  expect(record.outcome).toBe('aborted');
  expect(record.decisions).toMatchObject([
    { action: 'abort', by: 'ada', reason: 'it verifies before it opens' },
  ]);
  expect(record.steps.find(({ id }) => id === 'fence')?.undo?.status).toBe('done');
});

test('the demo, a second lab beside this one, keeps its promises and writes all of its figures', async () => {
  const parts = lab.supervisor.list().map(({ name, pid }) => ({ name, pid }));
  const figures = join(folder, 'demo.json');
  const ways = ['--folder', join(folder, 'demo'), '--json', figures, '--writes', '5000'];
  await runCommand(process.execPath, [repositoryFile('lab/demo.ts'), ...ways]);

  const summary = JSON.parse(readFileSync(figures, 'utf8')) as DemoSummary;
  expect(Object.keys(summary).sort()).toEqual(demoFigures.toSorted());
  expect(brokenPromises(summary, 5_000)).toEqual([]);
  expect(Object.keys(summary.writesByGateway)).toEqual(['gw-1', 'gw-2', 'gw-3']);
  expect(summary.databases).toEqual([
    { name: 'orders', engine: 'mysql', electToOpenMs: expect.any(Number) as number },
    { name: 'payments', engine: 'mariadb', electToOpenMs: expect.any(Number) as number },
  ]);
  expect(readFileSync(summary.reportPath, 'utf8')).toContain('<svg');
  // Ports, processes and what it found of earlier labs: the other lab has not been touched.
  expect(lab.supervisor.list().filter((part) => !part.alive())).toEqual([]);
  expect(lab.supervisor.list().map(({ name, pid }) => ({ name, pid }))).toEqual(parts);
});

test('a whole site is moved for real from the form', async () => {
  const request = { runbook: 'site-failover', from: 'east', to: 'west', mode: 'real' };
  await ui.start('east-to-west', { ...request, by: 'ada', reason: 'the east is to be patched' });
  await ui.open('east-to-west');
  await ui.hasStatus('Completed');
  await ui.open(planRun);
  await ui.hasStatus('Completed');
  await ui.timelineHas(
    'fenceUnits • Fence buckets 0-59 of east',
    'promoteDatabase • Promote orders in west (primary is orders-east-1 in east)',
    'openUnits • Open buckets 0-59 at west',
  );
  await keepPicture('site-failover-timeline', 'timeline');
  expect((await resultOf('east-to-west')).outcome).toBe('completed');
});

test('the UI asked nothing of any other machine', () => {
  expect([...ui.outside]).toEqual([]);
});
