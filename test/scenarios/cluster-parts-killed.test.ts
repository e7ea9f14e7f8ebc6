import { afterAll, beforeAll, expect, test } from 'vitest';
import { loseSite } from '../../lab/faults.ts';
import type { Snapshot } from '../../lab/kubernetes/compare-clusters.ts';
import { compareSurvivor } from '../../lab/kubernetes/compare-survivor.ts';
import type { SiteClusters } from '../../lab/kubernetes/site-clusters.ts';
import { VELERO_PATH } from '../../lab/kubernetes/velero.ts';
import type { DataSite } from '../../lab/sites/layout.ts';
import { watchRestores } from '../kubernetes/watch-restores.ts';
import { keepAlive, type KeptAlive } from '../lab/keep-alive.ts';
import type { Acting } from './halted-worker.ts';
import { allKept, openScenario, wordsOf, type Scenario } from './scenario.ts';
import { allSmallObjects, bringSmallIntoProduction, smallClusters } from './small-cluster.ts';
import { until } from './until.ts';

// Whatever the two clusters stand on dies in each step of a whole run, while its worker is in the middle of that step.
type Victim = 'velero' | 'apiserver' | 'etcd' | 'object store';

/** Of the cluster that is recorded. */
const capturing: Readonly<Record<string, readonly Victim[]>> = {
  'captureManifests:before-apply': ['apiserver', 'etcd'],
  'captureManifests:record:before': ['object store'],
};
/** Of the cluster that takes over: each of the four in each of the four steps. */
const takingOver: Readonly<Record<string, readonly Victim[]>> = {
  'scaleOutNodes:scale:before': ['apiserver', 'object store'],
  'scaleOutNodes:scale:after': ['etcd', 'velero'],
  'restoreBackup:create:before': ['apiserver', 'object store'],
  'restoreBackup:running': ['velero'],
  'restoreBackup:results:before': ['etcd'],
  'applyManifests:config:before': ['apiserver', 'object store'],
  'applyManifests:workloads:after': ['etcd', 'velero'],
  'shiftMesh:route:before': ['apiserver', 'velero'],
  'shiftMesh:route:after': ['etcd', 'object store'],
};

let scenario: Scenario;
let clusters: SiteClusters;
let expected: Snapshot;
let killing: Acting;
let kept: { readonly east: KeptAlive; readonly rest: KeptAlive };

beforeAll(async () => {
  const workerHaltsAt = Object.keys({ ...capturing, ...takingOver });
  scenario = await openScenario({ nacos: false, kubernetes: smallClusters, workerHaltsAt });
  if (scenario.lab.kubernetes === undefined) throw new Error('the lab has no clusters');
  clusters = scenario.lab.kubernetes;
  expected = await bringSmallIntoProduction(clusters);
  kept = {
    east: keepAlive(clusters.partsOf('east')),
    rest: keepAlive([...clusters.partsOf('west'), clusters.lab.store.process]),
  };
  killing = scenario.atEachHalt(killAt);
}, 1_800_000); // without a cache the engines are built here
afterAll(async () => {
  await Promise.all([kept?.east.stop(), kept?.rest.stop()]);
  await scenario?.close();
});

test('a capture completes although the API server, its etcd and the store are killed under it', async () => {
  const { code, value } = await scenario.cli('manifests', 'capture', '--at', 'east');
  const { record } = value as { record: { outcome: string; steps: readonly { outcome: object }[] } };
  expect({ code, outcome: record.outcome, deaths: kept.east.deaths() }).toEqual({
    code: 0,
    outcome: 'completed',
    deaths: 2,
  });
  expect(record.steps[0]?.outcome).toMatchObject({ after: { storeSequence: 1, stored: 10, changed: 0 } });
});

test('both branches complete although each part of the cluster is killed in each step', async () => {
  await kept.east.stop();
  await loseSite(scenario.lab, 'east');
  const mostRestoresAtOnce = watchRestores(phasesOfRestores);
  const { code, record } = await scenario.run('site-failover', '--from', 'east', '--to', 'west', '--forced');
  const steps = record.steps.map(({ id }) => wordsOf(record, id));
  expect({ code, outcome: record.outcome, steps }).toEqual({
    code: 0,
    outcome: 'completed',
    steps: expect.not.arrayContaining([expect.not.stringMatching(/^finished (done|already): /)]) as unknown,
  });
  expect((await killing.stop()).toSorted()).toEqual(Object.keys({ ...capturing, ...takingOver }).toSorted());
  const killed = Object.values(takingOver).flat().length + 1; // the store, under the capture
  // And others that cannot be without them end by themselves.
  expect(kept.rest.deaths()).toBeGreaterThanOrEqual(killed);
  expect(await mostRestoresAtOnce()).toBe(1);
});

test('every object of the lost cluster stands in the other one, as it was', async () => {
  expect(await compareSurvivor(clusters, expected)).toEqual(allSmallObjects);
});

test('nothing was lost, stored twice or taken by two units, and never were two primaries open', async () => {
  expect(await scenario.judge()).toEqual(allKept);
});

async function killAt(point: string): Promise<void> {
  const site: DataSite = point in capturing ? 'east' : 'west';
  for (const victim of capturing[point] ?? takingOver[point] ?? []) {
    const process =
      victim === 'object store' ? clusters.lab.store.process : clusters.lab[site].processes[victim];
    // It may have been killed a moment ago, by the step that runs beside.
    await until(`${process.name} lives again`, 5_000, () => Promise.resolve(process.alive()));
    process.kill();
    await process.gone();
  }
}

async function phasesOfRestores(): Promise<readonly string[]> {
  const restores = await clusters.lab.west.api.list(`${VELERO_PATH}/restores`);
  return restores.map(({ status }) => (status as { phase?: string } | undefined)?.phase ?? 'New');
}
