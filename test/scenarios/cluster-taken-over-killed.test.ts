import { afterAll, beforeAll, expect, test } from 'vitest';
import { loseSite } from '../../lab/faults.ts';
import type { Snapshot } from '../../lab/kubernetes/compare-clusters.ts';
import { compareSurvivor } from '../../lab/kubernetes/compare-survivor.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import type { SiteClusters } from '../../lab/kubernetes/site-clusters.ts';
import { VELERO_PATH } from '../../lab/kubernetes/velero.ts';
import type { KeptAlive } from '../lab/keep-alive.ts';
import { allKept, openScenario, type Scenario } from './scenario.ts';
import { allSmallObjects, bringSmallIntoProduction, smallClusters } from './small-cluster.ts';

// A site is lost with its databases, its unit and its cluster; the worker dies around each effect on the other cluster.
const capturing = ['captureManifests:head:before', 'captureManifests:record:after'];
const takingOver = [
  ...['scaleOutNodes:scale', 'restoreBackup:create', 'shiftMesh:route'].flatMap((effect) => [
    `${effect}:before`,
    `${effect}:after`,
  ]),
  'applyManifests:config:before',
  'applyManifests:workloads:after',
];

let scenario: Scenario;
let worker: KeptAlive;
let clusters: SiteClusters;
let expected: Snapshot;

beforeAll(async () => {
  const workerDiesAt = [...capturing, ...takingOver];
  scenario = await openScenario({ nacos: false, kubernetes: smallClusters, workerDiesAt });
  worker = scenario.keepWorkerAlive();
  if (scenario.lab.kubernetes === undefined) throw new Error('the lab has no clusters');
  clusters = scenario.lab.kubernetes;
  expected = await bringSmallIntoProduction(clusters);
}, 1_800_000); // without a cache the engines are built here
afterAll(async () => {
  await worker?.stop();
  await scenario?.close();
});

test('a capture completes although the worker is killed around the write of the head', async () => {
  const { code, value } = await scenario.cli('manifests', 'capture', '--at', 'east');
  const { record } = value as { record: { outcome: string; steps: readonly { outcome: object }[] } };
  expect({ code, deaths: worker.deaths(), outcome: record.outcome }).toEqual({
    code: 0,
    deaths: capturing.length,
    outcome: 'completed',
  });
  expect(record.steps[0]?.outcome).toMatchObject({ after: { storeSequence: 1, stored: 10, changed: 0 } });
});

test('both branches complete although the worker is killed around each effect on the cluster', async () => {
  await loseSite(scenario.lab, 'east');
  const { code, record } = await scenario.run('site-failover', '--from', 'east', '--to', 'west', '--forced');
  const states = record.steps.map(({ outcome }) => outcome?.status);
  expect({ code, deaths: worker.deaths(), outcome: record.outcome, states }).toEqual({
    code: 0,
    deaths: capturing.length + takingOver.length,
    outcome: 'completed',
    states: expect.not.arrayContaining([expect.not.stringMatching(/^(done|already)$/)]) as unknown,
  });
});

test('every object of the lost cluster stands in the other one, as it was', async () => {
  expect(await compareSurvivor(clusters, expected)).toEqual(allSmallObjects);
});

test('Velero was asked once, and each thing was written once', async () => {
  const { api } = clusters.lab.west;
  const restores = await api.list(`${VELERO_PATH}/restores`);
  expect(restores.map(({ status }) => (status as { phase?: string }).phase)).toEqual(['Completed']);
  // Made by one POST: a repeated one is answered with 409, and none is ever applied over what Velero made of it.
  expect(new Set(managersOf(restores[0]).map((one) => one.split(' ').at(-1)))).toEqual(new Set(['Update']));
  const map = await api.get('/api/v1/namespaces/shop-cart/configmaps/cart-01');
  expect(managersOf(map)).toEqual(['siteshift Apply']);
  const { metadata } = await api.get('/apis/serving.knative.dev/v1/namespaces/shop-cart/services/cart-next');
  expect(metadata['generation']).toBe(1);
});

const managersOf = (object: KubernetesObject | undefined): readonly string[] =>
  ((object?.metadata['managedFields'] ?? []) as readonly { manager: string; operation: string }[]).map(
    ({ manager, operation }) => `${manager} ${operation}`,
  );

test('nothing was lost, stored twice or taken by two units, and never were two primaries open', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});
