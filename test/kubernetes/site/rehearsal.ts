import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { captureManifests } from '../../../activities/capture-manifests.ts';
import { runStep } from '../../../activities/define-step.ts';
import { prepareStandby } from '../../../activities/prepare-standby.ts';
import { rehearseKubernetes } from '../../../activities/rehearse-kubernetes.ts';
import type { StepMode } from '../../../domain/step.ts';
import { applyAll } from '../../../lab/kubernetes/apply-all.ts';
import { dailySchedule, takeBackup, syncNow } from '../../../lab/kubernetes/backup.ts';
import type { KubernetesObject } from '../../../lab/kubernetes/kubernetes-object.ts';
import { waitForLocation } from '../../../lab/kubernetes/velero.ts';
import { operation, stepInput, stepTools } from '../step-tools.ts';
import {
  definitionOf,
  installKinds,
  limitTheWest,
  ofTheEast,
  rehearsedContent,
} from './rehearsed-content.ts';
import {
  testLab,
  lab,
  filled,
  inventory,
  need,
  west,
  store,
  captureInput,
  scaleParameters,
} from './scene.ts';
import { touchingNothing } from './untouched.ts';

const rehearsal = (more: object = {}, mode: StepMode = 'precheck') => {
  const { clusterName: name, cluster } = west();
  return stepInput(
    {
      ...store(),
      primary: { name: 'east', cluster: need(inventory.clusters['east']) },
      standby: { name, cluster },
      locationName: 'backups',
      location: need(inventory.backupLocations['backups']),
      services: need(inventory.services),
      nodePools: {},
      onConflict: 'report' as const,
      ...more,
    },
    { mode, operation: operation(0) },
  );
};
export const findings = async (more: object = {}, laterMs = 0) => {
  const tools = { ...stepTools(), now: () => Date.now() + laterMs };
  const outcome = await runStep(rehearseKubernetes, rehearsal(more), tools);
  return outcome.before as { problems: string[]; warnings: string[]; good: string[] };
};

/** A kind of the platform once more, in a group that was not there when the first backups were taken. */
function lateDefinition(): KubernetesObject {
  const [definition] = filled.platform.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const renamed = JSON.stringify(need(definition)).replaceAll(/platform\.example/g, 'late.example');
  return JSON.parse(renamed) as KubernetesObject;
}

export function rehearsing(): void {
  describe('rehearseKubernetes', () => {
    it('finds nothing wrong with the lab, and says what it looked at', async () => {
      await lab.east.api.apply(dailySchedule('east'), 'lab');
      await expect.poll(async () => (await findings()).problems, { timeout: 60_000 }).toEqual([]);
      const { good, warnings } = await findings();
      // Changed in the west since, by the tests before.
      expect(warnings.join('\n')).toMatch(
        /^objects of daily-2 that west has: 3 of \d+ differ: \S+, \S+, \S+; site-failover keeps them as they are: /m,
      );
      expect(good.join('\n')).toMatch(
        /completeness of daily-2: all \d+ objects that east had at its start are in it/,
      );
      expect(good.join('\n')).toMatch(/backup location of west: Available/);
      expect(good.join('\n')).toMatch(/writing to backup location backups: works/);
    });

    it('touches nothing: both clusters are told dry runs only, and no file is left or gone', async () => {
      const workers = scaleParameters().pool;
      const tried = await touchingNothing(async () => {
        for (const mode of ['precheck', 'apply'] as const) {
          const input = rehearsal({ nodePools: { workers } }, mode);
          expect((await runStep(rehearseKubernetes, input, stepTools())).status).toBe('already');
        }
      });
      // Each stored manifest was tried, on the server.
      expect(tried.length).toBe(filled.services.length);
    });

    it('finds a backup that Velero calls complete although it lacks a new kind', async () => {
      const { velero } = lab.east.processes;
      await installKinds(lab.east, lab.west);
      await velero.restart(); // from here on it does not learn kinds for five minutes
      await waitForLocation(lab.east);
      await lab.east.api.apply(lateDefinition(), 'lab');
      const instance = filled.platform.find(({ apiVersion }) => apiVersion === 'platform.example/v1');
      await expect
        .poll(
          () =>
            lab.east.api
              .apply({ ...need(instance), apiVersion: 'late.example/v1' }, 'lab')
              .then(() => 'made', String),
          { timeout: 30_000 },
        )
        .toBe('made');
      await applyAll(lab.east.api, ofTheEast, 'lab');
      await sleep(1_100); // timestamps have whole seconds
      await takeBackup(lab.east, { name: 'daily-3' });
      await syncNow(lab.west, 'daily-3');
      const { problems } = await findings();
      expect(problems.join('\n')).toMatch(/completeness of daily-3: it lacks 1 \w+\.late\.example/);
      expect(problems.join('\n')).toMatch(
        /definitions on west: 2 of \d+ are missing: (\w+\.late|widgets\.widget)\.example, (\w+\.late|widgets\.widget)\.example; install them now \(siteshift run prepare-standby --to west\): in the emergency it costs time/,
      );
    });

    it('warns of what a failover would go on without', async () => {
      const { warnings } = await findings();
      expect(warnings.toSorted()).toEqual([
        'API versions of daily-3 on west: Widget in widget.example/v1: no version served, its definition is in the backup; install the definition beforehand',
        expect.stringMatching(
          /^images of services and platform: \d+ without a digest: registry\.east\.example\/ledger:7, registry\.example\/\S+, .* and \d+ more; pin digests: a tag is asked of its registry for each new revision$/,
        ),
        'webhook configurations on west: it lacks validatingwebhookconfigurations.admissionregistration.k8s.io/validation.webhook.serving.knative.dev; no restore brings them back: plan who creates them once their pods are up',
        'what neither daily-3 nor the manifest store brings back: 1 objects of east: configmaps/shop-cart/cart-late; see what captures leave out, and whether services.selector, kinds and namespaces say what you mean',
        expect.stringMatching(
          /^what neither daily-3 nor the manifest store brings back: 1 objects of east: endpointslices\.discovery\.k8s\.io\/ledgers\/ledger-db; no controller makes them/,
        ),
      ]);
    });

    it('warns of what will become a problem, and of a schedule whose backups nobody can tell apart', async () => {
      const location = need(inventory.backupLocations['backups']);
      const { metadata, ...weekly } = dailySchedule('east');
      const unlabelled = { ...weekly, metadata: { name: 'weekly', namespace: metadata.namespace ?? '' } };
      await lab.east.api.apply(unlabelled, 'lab');
      const ofWeekly = { location: { ...location, schedule: 'weekly' } };
      await expect
        .poll(async () => (await findings(ofWeekly)).warnings, { timeout: 30_000 }) // Velero looks at it after a moment
        .toContain(
          'schedule weekly of east: expected label siteshift.dev/cluster: east, seen none; its backups inherit it: they say whose they are by it',
        );
      await lab.east.api.delete(unlabelled);
      const later = await findings({}, location.maximumAgeMs * 0.95);
      expect(later.warnings).toEqual(
        expect.arrayContaining([
          expect.stringMatching(
            /^newest backup in backups: daily-3 is \d+\.\d h old, \d+ items, \d+ warnings; it becomes too old soon: see whether the schedule runs$/,
          ),
          ...['east', 'west'].map((name) =>
            expect.stringMatching(
              new RegExp(
                `^backup location of ${name}: last synced \\S+; see whether Velero runs on ${name}$`,
              ),
            ),
          ),
        ]),
      );
    });

    it('finds what of backup and store would not come to life on the standby', async () => {
      await limitTheWest(lab.west);
      const { problems, warnings, good } = await rehearsedContent(findings);
      await lab.west.api.apply(definitionOf('Gadget', 'v1', 'v2'), 'lab');
      expect(problems).toEqual(
        expect.arrayContaining([
          'API versions of daily-3 on west: Gadget in gadget.example/v2: gadget.example/v1 served; install or upgrade its definition',
          'manifests on west: Gadget.gadget.example default/basket: unknown kind Gadget in gadget.example/v2: west serves gadget.example/v1; correct it before it is needed',
          // Backup and store together: each by itself would fit.
          'quotas on west: namespace default, quota small: count/statefulsets.apps: 2 asked for, 1 left; raise the quota',
          'quotas on west: namespace ledgers, quota compute (which comes along): requests.cpu: 1.1 asked for, 1 left; raise the quota',
          'storage classes on west: claims name east-only, store-only, not there; create them',
          'namespaces on west: manifests stand in shop-nowhere, and neither west nor the store nor daily-3 has them; create them, or see why they are not backed up',
          'node pool workers of west: nodes of west/workers: wanted are 6, the quota is 3; correct it before it is needed',
        ]),
      );
      expect(warnings.filter((line) => line.startsWith('nodes of '))).toEqual([
        expect.stringMatching(
          /^nodes of west: cpu of 6 nodes of pool workers: backup and store together ask for \d+(\.\d+)?, there is 1\.2; plan more or larger nodes: some pods would wait for ever$/,
        ),
      ]);
      const images = good.find((line) => line.startsWith('images of services and platform: ')) ?? '';
      expect(images).toContain('registry.east.example');
      expect(images).toContain('registry.shop.example');
    });

    it('has nothing to say about definitions any more once the standby is prepared', async () => {
      const prepare = (mode: StepMode) => {
        const location = need(inventory.backupLocations['backups']);
        const parameters = { ...west(), locationName: 'backups', location };
        return runStep(prepareStandby, stepInput(parameters, { mode, operation: operation(0) }), stepTools());
      };
      expect(await prepare('precheck')).toMatchObject({ status: 'planned' });
      expect(await prepare('apply')).toMatchObject({
        status: 'done',
        details: expect.arrayContaining([
          expect.stringMatching(/^\w+\.late\.example installed$/),
          'widgets.widget.example installed',
        ]),
        after: { backup: 'daily-3', missing: [] },
      });
      expect(await prepare('apply')).toMatchObject({ status: 'already' });
      const { problems, good } = await findings();
      expect(problems.join('\n')).not.toMatch(/^(definitions on|API versions of)/m);
      expect(good.join('\n')).toMatch(/definitions on west: all \d+ of the backup are installed/);
    });

    it('finds a backup and a capture that are too old, a schedule that is not there, credentials that do not fit, and a bucket that takes no writes', async () => {
      const old = { ...need(inventory.backupLocations['backups']), maximumAgeMs: 1 };
      expect((await findings({ location: old })).problems.join('\n')).toMatch(
        /newest backup in backups: none is good: .*h old/,
      );
      const stopped = { store: { ...store().store, maximumAgeMs: 1 } };
      expect((await findings(stopped)).problems.join('\n')).toMatch(
        /^newest capture in manifests: west was looked at \d+\.\d min ago, version 2\.\d+; expected within 0\.0 min; see why nothing records the serving cluster any more \(siteshift schedule list\): a failover would bring what ran then$/m,
      );
      const weekly = { ...need(inventory.backupLocations['backups']), schedule: 'weekly' };
      expect((await findings({ location: weekly })).problems.join('\n')).toMatch(
        /schedule weekly of east: there is none/,
      );
      const wrong = join(testLab.folder, 'wrong-key');
      writeFileSync(wrong, 'expired');
      const location = { ...need(inventory.backupLocations['backups']), secretKey: `file:${wrong}` };
      expect((await findings({ location })).problems.join('\n')).toMatch(
        /SignatureDoesNotMatch: the secret key does not fit/,
      );
      await lab.store.setReadOnly(true);
      const readOnly = await findings();
      const capture = captureInput('west', { mode: 'precheck' });
      const captured = await runStep(captureManifests, capture, stepTools());
      await lab.store.setReadOnly(false);
      expect(captured.status).toBe('refused');
      expect(captured.summary).toMatch(
        /^manifest store s3:\/\/manifests\/: PUT \/manifests\/probe\/\S+: 403 AccessDenied: these credentials may not do this$/,
      );
      expect(readOnly.problems.join('\n')).toMatch(/writing to backup location backups: .*AccessDenied/);
      expect(readOnly.problems.join('\n')).toMatch(/manifest store manifests: .*AccessDenied/);
    });
  });
}
