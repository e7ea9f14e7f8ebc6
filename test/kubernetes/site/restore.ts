import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { captureManifests } from '../../../activities/capture-manifests.ts';
import { runStep } from '../../../activities/define-step.ts';
import { restoreBackup } from '../../../activities/restore-backup.ts';
import { takeBackup, syncNow } from '../../../lab/kubernetes/backup.ts';
import { compareWithSnapshot } from '../../../lab/kubernetes/compare-clusters.ts';
import { VELERO_PATH } from '../../../lab/kubernetes/velero.ts';
import { stepInput, stepTools } from '../step-tools.ts';
import {
  lab,
  filled,
  WEBHOOKS,
  need,
  captureInput,
  restoreParameters,
  bucketFile,
  onlyPlatform,
} from './scene.ts';

export function restoring(): void {
  describe('the manifest store in S3', () => {
    it('takes every service of the primary cluster, and nothing that is not theirs', async () => {
      const outcome = await runStep(captureManifests, captureInput('east'), stepTools());
      expect(outcome).toMatchObject({
        status: 'done',
        after: { objects: filled.services.length, leftOutTotal: 0 },
      });
      expect(await runStep(captureManifests, captureInput('east'), stepTools())).toMatchObject({
        status: 'already',
      });
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
      expect(outcome).toMatchObject({ status: 'done', after: { missing: 0, backup: { name: 'daily-2' } } });
      const restores = await lab.west.api.list(`${VELERO_PATH}/restores`);
      const phases = restores.map(({ status }) => (status as { phase: string }).phase);
      expect(phases.toSorted()).toEqual(['Completed', 'Failed']);
      const { differences } = await compareWithSnapshot(lab.west.api, onlyPlatform());
      expect(differences).toEqual([]);
      // In the backup, and not brought back: it would refuse every service that is to come.
      expect(await lab.west.api.list(WEBHOOKS)).toEqual([]);
    }, 600_000);

    it('has nothing to do when it runs again', async () => {
      expect(await runStep(restoreBackup, stepInput(restoreParameters()), stepTools())).toMatchObject({
        status: 'already',
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
          expect.stringMatching(/-a3: Completed/),
        ]),
      );
      const { differences } = await compareWithSnapshot(lab.west.api, onlyPlatform());
      expect(differences).toEqual([]);
    });
  });
}
