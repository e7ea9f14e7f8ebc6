import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyManifests } from '../../activities/apply-manifests.ts';
import { captureManifests } from '../../activities/capture-manifests.ts';
import { makeStore } from '../../activities/kubernetes/manifest-store.ts';
import { openFolderFiles } from '../../activities/kubernetes/manifest-store-folder.ts';
import { restoreBackup } from '../../activities/restore-backup.ts';
import type { ManagedFieldsEntry } from '../../domain/kubernetes/object.ts';
import { operationHash, operationLabel } from '../../domain/kubernetes/restore-plan.ts';
import type { StepOutcome } from '../../domain/step.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { VELERO_PATH } from '../../lab/kubernetes/velero.ts';
import { restoringWithout } from './away-for-good.ts';
import { killAt } from './kill-at.ts';
import { openKillLab, untilOutcome, type KillLab, type VictimName } from './kill-lab.ts';
import { NAMESPACE } from './kill-objects.ts';
import { killingWhileDefinitionsAreInstalled } from './killed-installing.ts';
import { killingWhatCanBeUndone } from './killed-undoable.ts';
import { killedWorker } from './killed-worker.ts';
import { operation, stepInput } from './step-tools.ts';
import { undoingAmongOthers } from './undo-among-others.ts';
import { patiently, watchRestores } from './watch-restores.ts';

// Whoever takes part in bringing a cluster back is killed in each phase of it, one after the other in one run. Each
// run must end complete by itself, and do nothing twice. The worker under Temporal: test/scenarios/.
let lab: KillLab;
let epoch = 0;

beforeAll(async () => {
  lab = await openKillLab();
}, 1_800_000); // without a cache the engines are built here
afterAll(async () => lab?.close());
beforeEach(() => {
  epoch += 1;
});

const ours = () => operation(epoch);
const uidsOf = (objects: ReadonlyMap<string, KubernetesObject>) =>
  new Map([...objects].map(([key, { metadata }]) => [key, metadata['uid']]));
const versionsOf = (objects: ReadonlyMap<string, KubernetesObject>) =>
  new Map([...objects].map(([key, { metadata }]) => [key, metadata['resourceVersion']]));

/** Of `all` what has a key of `wanted`. */
const only = (wanted: ReadonlyMap<string, unknown>, all: ReadonlyMap<string, unknown>) =>
  new Map([...wanted.keys()].map((key) => [key, all.get(key)]));

/** While Velero is at it: a step looks long before and after, too. */
const isDue = async (point: string): Promise<boolean> =>
  point !== 'restoreBackup:running' || (await isRestoring());

async function isRestoring(): Promise<boolean> {
  const phases: readonly string[] = await lab.restoresOf(ours()).catch(() => []);
  return phases.includes('InProgress');
}

describe('restoreBackup', () => {
  const installing = ['restoreBackup:definitions:before', 'restoreBackup:definitions:after'];
  const points = [
    ...installing,
    'restoreBackup:direct:config',
    'restoreBackup:create:before',
    'restoreBackup:running',
    'restoreBackup:results:before',
  ];

  /** Every object is there, what was there when somebody died is still the same one, and one Restore ran at a time. */
  async function expectRestored(
    outcome: StepOutcome | undefined,
    before: { readonly others: ReadonlyMap<string, unknown>; readonly plain: ReadonlyMap<string, unknown> },
    phases: RegExp,
  ) {
    expect(['done', 'already']).toContain(outcome?.status);
    expect(outcome?.after).toMatchObject({ missing: 0 });
    const now = await patiently(() => lab.present('platform'));
    expect(now.size).toBe(lab.platform.length);
    expect(only(before.others, uidsOf(now))).toEqual(before.others);
    expect(before.plain.size).toBeGreaterThan(0);
    expect(only(before.plain, versionsOf(now))).toEqual(before.plain);
    // Velero may still be finalizing where a killed attempt's successor found every object there.
    await expect
      .poll(async () => (await lab.restoresOf(ours())).toSorted().join(' '), {
        timeout: 60_000,
        interval: 500,
      })
      .toMatch(phases);
  }

  it.each<[VictimName, RegExp]>([
    ['velero', /^Completed Failed( FailedValidation)?$/],
    ['apiserver', /^Completed( Failed| FailedValidation| PartiallyFailed){0,2}$/],
    ['etcd', /^Completed( Failed| FailedValidation| PartiallyFailed){0,2}$/],
    [
      'object store',
      /^(Completed|Failed|FailedValidation|PartiallyFailed)( (Failed|FailedValidation|PartiallyFailed)){0,2}$/,
    ],
  ])(
    'ends complete although %s is killed in each of its phases',
    async (name, phases) => {
      await lab.remove('platform');
      const before = { others: new Map<string, unknown>(), plain: new Map<string, unknown>() };
      const { killed, reached } = killAt(
        lab,
        name,
        points,
        async () => {
          const now = await lab.present('platform');
          for (const [key, uid] of uidsOf(now))
            if (!key.startsWith('configmaps/')) before.others.set(key, uid);
          for (const [key, version] of versionsOf(now))
            if (key.startsWith('configmaps/')) before.plain.set(key, version);
        },
        isDue,
      );
      const most = watchRestores(() => lab.restoresOf(ours()));
      const input = () => stepInput(lab.parameters.restore, { operation: ours() });
      const outcome = await untilOutcome(restoreBackup, input, reached);
      expect(killed).toEqual(points);
      expect([...before.others.keys()]).toContain('customresourcedefinitions/crates.kill.example');
      await expectRestored(outcome, before, phases);
      expect(await most()).toBe(1);
    },
    600_000, // an API server that starts needs a processor for six seconds, six times
  );

  it('ends complete although the worker is killed at each of its points', async () => {
    await lab.remove('platform');
    const all = [
      'restoreBackup:before-apply',
      ...installing,
      'restoreBackup:direct:config',
      'restoreBackup:create:before',
      'restoreBackup:create:after',
      'restoreBackup:running',
      'restoreBackup:after-apply',
    ];
    const most = watchRestores(() => lab.restoresOf(ours()));
    const { outcome, deaths } = await killedWorker(lab, 'restoreBackup', all, () =>
      stepInput(lab.parameters.restore, { operation: ours() }),
    );
    // A worker that died while Velero was at it may come back to a restore that has ended meanwhile.
    expect(deaths).toBeGreaterThanOrEqual(all.length - 2);
    await expectRestored(
      outcome,
      { others: new Map(), plain: versionsOf(await lab.present('platform')) },
      /^Completed$/,
    );
    // The last attempt finds all of it there, and tells what is left for people all the same.
    expect(outcome?.leftToDo).toContainEqual(expect.stringContaining('west has no Schedule daily'));
    expect(await most()).toBe(1);
    const label = encodeURIComponent(`${operationLabel}=${operationHash(ours())}`);
    const restores = await lab.cluster.api.list(`${VELERO_PATH}/restores?labelSelector=${label}`);
    expect(restores).toHaveLength(1);
    // Velero changes the spec of a Restore: made by one POST, and never applied again.
    const managers = restores[0]?.metadata['managedFields'] as readonly ManagedFieldsEntry[];
    expect(managers.map(({ operation: verb }) => verb)).not.toContain('Apply');
  }, 300_000);
});

describe('applyManifests', () => {
  const points = ['applyManifests:config:before', 'applyManifests:chunk', 'applyManifests:workloads:after'];
  const input = () => stepInput(lab.parameters.apply, { operation: ours() });

  async function expectApplied(outcome: StepOutcome | undefined, before: ReadonlyMap<string, unknown>) {
    expect(['done', 'already']).toContain(outcome?.status);
    const { length } = lab.services;
    expect(outcome?.after).toMatchObject({ objects: length, unchanged: length, ready: length });
    const now = await patiently(() => lab.present('service'));
    expect(now.size).toBe(length);
    // What was written when somebody died was not written again.
    expect(before.size).toBeGreaterThanOrEqual(200);
    expect(only(before, versionsOf(now))).toEqual(before);
    for (const { metadata } of now.values()) {
      const entries = (metadata['managedFields'] as readonly ManagedFieldsEntry[]).filter(
        ({ subresource = '' }) => subresource === '',
      );
      expect(entries).toMatchObject([{ manager: 'siteshift', operation: 'Apply' }]);
    }
    expect(now.get('services/cart')?.metadata['generation']).toBe(1);
  }

  it.each<VictimName>(['apiserver', 'etcd'])(
    'ends complete although %s is killed while it lists, writes and waits',
    async (name) => {
      await lab.remove('service');
      const before = new Map<string, unknown>();
      const { killed, reached } = killAt(lab, name, points, async () => {
        for (const [key, version] of versionsOf(await lab.present('service')))
          if (key.startsWith('configmaps/')) before.set(key, version);
      });
      const outcome = await untilOutcome(applyManifests, input, reached);
      expect(killed).toEqual(points);
      await expectApplied(outcome, before);
    },
    300_000,
  );

  it('ends complete although the object store is killed before and while its manifests are read', async () => {
    await lab.remove('service');
    const { killed, reached } = killAt(lab, 'object store', ['begin', 'applyManifests:head:after']);
    await reached('begin');
    const outcome = await untilOutcome(applyManifests, input, reached);
    expect(killed).toEqual(['begin', 'applyManifests:head:after']);
    expect(outcome.status).toBe('done');
    await expectApplied(outcome, versionsOf(new Map([...(await lab.present('service'))].filter(isMap))));
  }, 300_000);
});

const isMap = ([key]: readonly [string, unknown]): boolean => key.startsWith('configmaps/');

describe('captureManifests', () => {
  const input = () => stepInput(lab.parameters.capture, { operation: operation(0) });
  const head = () => makeStore(openFolderFiles(join(lab.store.folder, lab.store.manifestBucket))).head();
  const change = (text: string) =>
    lab.cluster.api.call(
      'PATCH',
      `/api/v1/namespaces/${NAMESPACE}/configmaps/map-1`,
      { data: { a: text } },
      'application/merge-patch+json',
    );

  it.each<[VictimName, readonly string[]]>([
    [
      'object store',
      ['begin', ...['record:before', 'head:before', 'record:after'].map((at) => `captureManifests:${at}`)],
    ],
    ['apiserver', ['captureManifests:look']],
    ['etcd', ['captureManifests:look']],
  ])('records once although %s is killed while it looks or writes', async (name, points) => {
    await patiently(() => change(`${name} killed`));
    const before = await head();
    const { killed, reached } = killAt(lab, name, points);
    await reached('begin');
    const outcome = await untilOutcome(captureManifests, input, reached);
    expect(killed).toEqual(points);
    expect(outcome.status).toBe('done');
    expect((await head()).sequence).toBe(before.sequence + 1);
  });
});

killingWhileDefinitionsAreInstalled(() => ({ lab, operation: ours() }));
restoringWithout(() => ({ lab, operation: ours() }));
killingWhatCanBeUndone(() => ({ lab, operation: ours() }));
undoingAmongOthers(() => ({ lab, operation: ours() }));
