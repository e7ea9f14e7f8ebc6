import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { captureManifests, type CaptureObserved } from '../../../activities/capture-manifests.ts';
import { runStep } from '../../../activities/define-step.ts';
import { restoreBackup } from '../../../activities/restore-backup.ts';
import type { Json } from '../../../domain/json.ts';
import { takeBackup, syncNow } from '../../../lab/kubernetes/backup.ts';
import { compareWithSnapshot } from '../../../lab/kubernetes/compare-clusters.ts';
import { VELERO_PATH } from '../../../lab/kubernetes/velero.ts';
import { waitUntil } from '../../../lab/kubernetes/wait-until.ts';
import { stepInput, stepTools } from '../step-tools.ts';
import { CLAIMS, JOBS, uncaptured, VOLUMES } from './odd-objects.ts';
import {
  lab,
  filled,
  expected,
  WEBHOOKS,
  need,
  captureInput,
  restoreParameters,
  bucketFile,
  onlyPlatform,
} from './scene.ts';

/** Runs a step, and counts how often it listed all ConfigMaps of the cluster: nobody else does. */
async function counted<Outcome>(run: () => Promise<Outcome>): Promise<readonly [Outcome, number]> {
  const lists = async () => {
    const metrics = String(await lab.west.api.call('GET', '/metrics'));
    const lines = metrics.split('\n').filter((line) => line.startsWith('apiserver_request_total{'));
    const ours = ['resource="configmaps"', 'scope="cluster"', 'verb="LIST"'];
    return lines
      .filter((line) => ours.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const before = await lists();
  const outcome = await run();
  const count = (await lists()) - before;
  expect(count).toBeGreaterThan(2);
  return [outcome, count];
}

/** What an operator reads while Velero works: which Restore, how far it is, and that it never goes backwards. */
function expectProgress(heartbeats: readonly Json[]): void {
  type Progress = { restore: string; phase: string; items: number; of: number };
  const told = heartbeats.filter(
    (one): one is Progress => one !== null && Object.hasOwn(Object(one), 'restore'),
  );
  expect(told.length).toBeGreaterThan(0);
  for (const looks of Map.groupBy(told, ({ restore }) => restore).values()) {
    const items = looks.map((look) => look.items);
    expect(items).toEqual(items.toSorted((a, b) => a - b));
    expect(looks.filter(({ items: done, of }) => done > of)).toEqual([]);
  }
}

export function restoring(): void {
  describe('the manifest store in S3', () => {
    it('takes every service of the primary cluster, and nothing that is not theirs', async () => {
      const outcome = await runStep(captureManifests, captureInput('east'), stepTools());
      expect(outcome).toMatchObject({
        status: 'done',
        after: { objects: filled.services.length, leftOutTotal: 0 },
      });
      const again = await runStep(captureManifests, captureInput('east'), stepTools());
      expect(again).toMatchObject({ status: 'done', details: ['version 0.1: nothing changed'] });
      const capturedAt = ({ before, after }: typeof again) =>
        [before, after].map((seen) => (seen as CaptureObserved).storeCapturedAt);
      const [first = 0, second = 0] = capturedAt(again);
      expect(second).toBeGreaterThan(first);
    });

    it('is not overwritten from another cluster of the same epoch', async () => {
      const outcome = await runStep(captureManifests, captureInput('west'), stepTools());
      expect(outcome).toMatchObject({ status: 'refused', summary: expect.stringContaining('follows east') });
    });
  });

  describe('restoreBackup', () => {
    it('refuses while there is no good backup, and says why for each', async () => {
      const outcome = await runStep(restoreBackup, stepInput(restoreParameters()), stepTools());
      expect(outcome).toMatchObject({ status: 'refused' });
      expect(outcome.details).toContain('there is no backup at all');
    });

    it('passes over a backup that is truncated', async () => {
      await takeBackup(lab.east, { name: 'daily-1' });
      await takeBackup(lab.east, { name: 'daily-2' });
      const archive = bucketFile('backups', 'backups', 'daily-2', 'daily-2.tar.gz');
      const whole = readFileSync(archive);
      truncateSync(archive, Math.floor(whole.length / 2));
      await syncNow(lab.west, 'daily-1');
      const outcome = await runStep(
        restoreBackup,
        stepInput(restoreParameters(), { mode: 'precheck' }),
        stepTools(),
      );
      expect(outcome).toMatchObject({ status: 'planned', before: { backup: { name: 'daily-1' } } });
      expect(JSON.stringify(outcome.before)).toContain('daily-2.tar.gz');
      expect(JSON.stringify(outcome.before)).toContain('is truncated or corrupted');
      writeFileSync(archive, whole);
    });

    it('says in a precheck that Velero could not write its results', async () => {
      await syncNow(lab.west, 'daily-2'); // whole again, and the newest: else the precheck waits for Velero to know it
      await lab.store.setReadOnly(true);
      const input = stepInput(restoreParameters(), { mode: 'precheck' });
      const outcome = await runStep(restoreBackup, input, stepTools());
      await lab.store.setReadOnly(false);
      expect(outcome.status).toBe('planned');
      expect(outcome.details.at(-1)).toMatch(
        /^Velero would call it failed if its credentials are as ours: PUT \/backups\/restores\/siteshift-probe\/\S+: 403 AccessDenied: these credentials may not do this$/,
      );
    });

    it('goes on with a new attempt when Velero dies in the middle, and brings every object back', async () => {
      let restarted: Promise<void> | undefined;
      const { velero } = lab.west.processes;
      const tools = stepTools({
        reached: async (point) => {
          if (point !== 'restoreBackup:running' || restarted !== undefined) return;
          const restores = await lab.west.api.list(`${VELERO_PATH}/restores`);
          if (
            !restores.some(({ status }) => (status as { phase?: string } | undefined)?.phase === 'InProgress')
          )
            return;
          velero.kill();
          restarted = velero.gone().then(() => velero.restart());
        },
      });
      const outcome = await runStep(restoreBackup, stepInput(restoreParameters()), tools);
      await restarted;
      expect(restarted).toBeDefined();
      expectProgress(tools.heartbeats);
      expect(outcome).toMatchObject({ status: 'done', after: { missing: 0, backup: { name: 'daily-2' } } });
      expect(outcome.leftToDo).toEqual([
        expect.stringMatching(
          /^west lacks validatingwebhookconfigurations\.admissionregistration\.k8s\.io\/validation\.webhook\.serving\.knative\.dev: once their pods are up, velero restore create --from-backup daily-2 /,
        ),
        'west has no Schedule daily: until it is put right nothing backs west up, and no failback finds a backup',
      ]);
      const restores = await lab.west.api.list(`${VELERO_PATH}/restores`);
      const phases = restores.map(({ status }) => (status as { phase: string }).phase);
      // One for what is the platform's; one for kinds that captures do not take; one for their kinds elsewhere.
      expect(phases.toSorted()).toEqual(['Completed', 'Completed', 'Completed', 'Failed']);
      const { differences } = await compareWithSnapshot(lab.west.api, onlyPlatform());
      expect(differences).toEqual([]);
      // In the backup, and not brought back: it would refuse every service that is to come.
      expect(await lab.west.api.list(WEBHOOKS)).toEqual([]);
    }, 600_000);

    it('waits for nothing that Velero leaves out: jobs that are over, volumes that are made anew', async () => {
      const names = async (path: string) =>
        (await lab.west.api.list(path)).map(({ metadata }) => metadata.name);
      expect(await names(JOBS)).toEqual([]);
      expect(await names(VOLUMES)).toEqual(['kept']);
      const claims = await lab.west.api.list(CLAIMS);
      expect(claims.map(({ metadata, spec }) => [metadata.name, spec])).toMatchObject([
        ['anew', { storageClassName: 'standard' }],
        ['kept', { volumeName: 'kept' }],
      ]);
      // Naming a volume that is not there it would wait for ever.
      expect(claims[0]?.['spec']).not.toHaveProperty('volumeName');
    });

    it('brings what is labelled as the services and is in no capture, and no old service with it', async () => {
      for (const object of uncaptured)
        await expect(lab.west.api.get(await lab.west.api.pathOf(object))).resolves.toBeDefined();
      const { objectsPresent } = await compareWithSnapshot(lab.west.api, expected);
      expect(objectsPresent).toBe(onlyPlatform().size);
    });

    it('has nothing to do when it runs again', async () => {
      expect(await runStep(restoreBackup, stepInput(restoreParameters()), stepTools())).toMatchObject({
        status: 'already',
        after: { differing: 0 },
      });
    });
  });

  describe('restoreBackup, directly', () => {
    it('brings plain objects back by itself, and leaves to Velero what grants rights', async () => {
      const lost = ['ConfigMap', 'NetworkPolicy', 'Role'].map((kind) =>
        need(
          filled.platform.find((object) => object.kind === kind && object.metadata.namespace === 'shop-cart'),
        ),
      );
      for (const object of lost) await lab.west.api.delete(object);
      const again = stepInput(restoreParameters({ direct: true }));
      const outcome = await runStep(restoreBackup, again, stepTools());
      expect(outcome).toMatchObject({ status: 'done', before: { missing: 3 }, after: { missing: 0 } });
      expect(outcome.details).toEqual(
        expect.arrayContaining([
          '2 objects applied from the backup',
          expect.stringMatching(/-a5: Completed/),
        ]),
      );
      const { differences } = await compareWithSnapshot(lab.west.api, onlyPlatform());
      expect(differences).toEqual([]);
    });

    it('goes on without what the cluster refuses only when forced, and names it', async () => {
      const { api } = lab.west;
      const lost = need(
        filled.platform.find(
          ({ kind, metadata }) => kind === 'ConfigMap' && metadata.namespace === 'shop-cart',
        ),
      );
      const quota = '/api/v1/namespaces/shop-cart/resourcequotas/namespace';
      const allow = (count: string | null) =>
        api.call(
          'PATCH',
          quota,
          { spec: { hard: { 'count/configmaps': count } } },
          'application/merge-patch+json',
        );
      await api.delete(lost);
      await allow('0');
      await waitUntil({ what: 'quota in force', withinMs: 30_000 }, async () => {
        expect((await api.get(quota))['status']).toHaveProperty('used.count/configmaps');
      });
      const name = `configmaps/shop-cart/${lost.metadata.name}`;
      const input = (style: 'graceful' | 'forced') =>
        stepInput(restoreParameters({ direct: true }), { style });
      const [graceful, looks] = await counted(() => runStep(restoreBackup, input('graceful'), stepTools()));
      expect(graceful.status).toBe('failed');
      expect(graceful.summary).toMatch(new RegExp(`expected all .*; missing: ${name}; see why, then retry`));
      const [forced, looksOfForced] = await counted(() =>
        runStep(restoreBackup, input('forced'), stepTools()),
      );
      expect(looksOfForced).toBe(looks); // what is left to do is told by the look that every run ends with
      expect(forced).toMatchObject({ status: 'done', after: { missing: 1 } });
      expect(forced.leftToDo?.[0]).toBe(`west lacks 1 objects of the backup: ${name}`);
      expect(forced.leftToDo?.join('\n')).toMatch(/exceeded quota/);
      await allow(null);
      await waitUntil({ what: 'quota lifted', withinMs: 30_000 }, async () => {
        expect((await api.get(quota))['status']).not.toHaveProperty('hard.count/configmaps');
      });
      expect(await runStep(restoreBackup, input('graceful'), stepTools())).toMatchObject({ status: 'done' });
    });
  });
}
