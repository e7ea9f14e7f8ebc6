import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFolderFiles } from '../../activities/kubernetes/manifest-store-folder.ts';
import { makeStore } from '../../activities/kubernetes/manifest-store.ts';
import { readManifestStoreWith } from '../../activities/read-manifest-store.ts';
import type { StepActivity } from '../../activities/step-activity.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { siteshift, type CliResult } from '../client/cli-process.ts';
import { swap, validInventory, validKubernetes } from '../schema/valid-texts.ts';
import { compiled, testOutcome, testPlan } from './test-plan.ts';
import { openWorkflowLab, whenStatus, type FakeActivities, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 120_000);
afterAll(() => lab.close());
const limit = { timeout: 120_000 };

type Say = (...words: string[]) => Promise<CliResult>;
const withCli = <Result>(fakes: FakeActivities, use: (say: Say, queue: string) => Promise<Result>) =>
  lab.withWorker(fakes, (queue) =>
    use(
      (...words) =>
        siteshift(words, {
          SITESHIFT_TEMPORAL_ADDRESS: lab.address,
          SITESHIFT_TEMPORAL_TASK_QUEUE: queue,
          SITESHIFT_RUNBOOKS: 'runbooks',
          SITESHIFT_INVENTORY: 'siteshift.example.yaml',
        }),
      queue,
    ),
  );

const recording = testPlan([{ id: 'record/east', kind: 'captureManifests', reversibility: 'forward-only' }], {
  runbook: 'capture-manifests',
});
/** Refuses the first time, as a dying cluster makes it; the next one works. */
function captures(): { readonly captureManifests: StepActivity } {
  let asked = 0;
  return {
    captureManifests: async () => {
      asked += 1;
      return asked === 1 ? testOutcome('refused', 'east lacks 30 services') : testOutcome('done', 'stored');
    },
  };
}

test(
  'a recording takes no lock, and a scheduled one that waits is given up for the next',
  limit,
  async () => {
    await withCli({ compiled: compiled(recording), steps: captures() }, async (say) => {
      const when = ['schedule', 'set', 'capture-manifests', '--param', 'at=east', '--real', '--by', 'ann'];
      expect((await say(...when, '--every', '12h')).out).toMatch(/^schedule capture-manifests created: /);
      const again = await say('--json', ...when, '--every', '1d');
      expect(JSON.parse(again.out)).toMatchObject({
        result: 'updated',
        schedule: {
          when: { everyMs: 86_400_000 },
          whileOpen: 'give up the old',
          request: { mode: 'real', parameters: { at: 'east' }, reason: 'schedule capture-manifests' },
        },
      });
      const schedule = lab.client.schedule.getHandle('siteshift/capture-manifests');
      const recent = async () =>
        (await schedule.describe()).info.recentActions.map(({ action }) => action.workflow.workflowId);
      await schedule.trigger(ScheduleOverlapPolicy.CANCEL_OTHER);
      await expect.poll(recent, { timeout: 20_000 }).toHaveLength(1);
      const [first = ''] = await recent();
      const parked = await whenStatus(lab.client.workflow.getHandle('capture-manifests/shop'), (record) =>
        record.steps.some(({ state }) => state === 'parked'),
      );
      expect(parked.operation).toEqual({ id: first, domain: 'shop', epoch: 0 });
      await schedule.trigger(ScheduleOverlapPolicy.CANCEL_OTHER);
      expect(await lab.client.workflow.result(first)).toMatchObject({ record: { outcome: 'aborted' } });
      await expect.poll(recent, { timeout: 20_000 }).toHaveLength(2);
      const second = (await recent())[1] ?? '';
      expect(await lab.client.workflow.result(second)).toMatchObject({ record: { outcome: 'completed' } });
      await expect(lab.client.workflow.getHandle('failover/shop').describe()).rejects.toThrow(/not found/i);

      const listed = JSON.parse((await say('--json', 'schedule', 'list')).out) as { schedules: object[] };
      expect(listed.schedules).toMatchObject([{ name: 'capture-manifests', recent: [second, first] }]);
      expect((await say('schedule', 'remove', 'capture-manifests')).code).toBe(0);
      expect(await say('schedule', 'remove', 'capture-manifests')).toMatchObject({ code: 3 });
      expect((await say('schedule', 'list')).out).toBe('there are none\n');
    });
  },
);

test('a run that moves something is never given up for the next one', limit, async () => {
  await withCli({}, async (say) => {
    const drill = [
      'site-failover',
      '--from',
      'east',
      '--to',
      'west',
      '--drill',
      '--real',
      '--cron',
      '0 3 1 * *',
    ];
    const set = await say('--json', 'schedule', 'set', ...drill, '--name', 'drill');
    expect(JSON.parse(set.out)).toMatchObject({ schedule: { name: 'drill', whileOpen: 'skip the new' } });
    expect((await say('schedule', 'remove', 'drill')).code).toBe(0);
    const wrong = await Promise.all([
      say('schedule', 'set', 'site-failover', '--from', 'east', '--to', 'west'),
      say('schedule', 'set', 'site-failover', '--every', '5'),
      say('schedule', 'set', 'site-failover', '--from', 'east', '--to', 'east', '--every', '5m'),
    ]);
    expect(wrong.map(({ code, err }) => [code, err.trim().split('\n')[0]])).toEqual([
      [2, 'say when: --every or --cron'],
      [2, expect.stringContaining("argument '5' is invalid. expected a time of 30s or more")],
      [2, expect.stringContaining('they must differ')],
    ]);
  });
});

test('the manifest store tells its head, a history, one version and what it changed', limit, async () => {
  const folder = mkdtempSync(join(lab.folder, 'manifests-'));
  const inventoryFile = join(folder, 'siteshift.yaml');
  writeFileSync(inventoryFile, swap(`${validInventory}${validKubernetes}`, '/var/manifests', folder));
  const store = makeStore(openFolderFiles(folder));
  const cart = (level: string): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cart', namespace: 'shop' },
    data: { level },
  });
  const surroundings = { secret: async () => '', redact: (text: string) => text, reached: async () => {} };
  const readManifestStore = readManifestStoreWith(
    { inventoryFile, runbooksFolder: 'runbooks' },
    surroundings,
  );
  const fakes = { steps: { readManifestStore: readManifestStore as unknown as StepActivity } };
  await withCli(fakes, async (say) => {
    expect((await say('manifests', 'history')).out).toMatch(/nothing was recorded yet/);
    for (const [at, level] of ['info', 'warn'].entries())
      await store.record({
        cluster: 'east',
        epoch: 4,
        capturedAt: at,
        services: new Map([['shop/cart', [cart(level)]]]),
        replicas: {},
      });
    expect((await say('manifests', 'history')).out).toMatch(
      /version 4\.2 of east.*1 services\n {2}shop\/cart {2}4\.2/,
    );
    expect((await say('manifests', 'history', 'shop/cart')).out).toMatch(/^4\.2 .*\n4\.1 /);
    expect((await say('manifests', 'show', 'shop/cart', '--version', '4.1')).out).toMatch(/level: info\n/);
    expect((await say('manifests', 'diff', 'shop/cart')).out).toBe(
      '4.1 → 4.2\n~ ConfigMap shop/cart\n    data.level: "info" → "warn"\n',
    );
    for (const at of Array.from({ length: 60 }, (_, index) => index))
      await store.record({
        cluster: 'east',
        epoch: 5,
        capturedAt: at,
        services: new Map([['shop/cart', [cart(`level-${at}`)]]]),
        replicas: {},
      });
    expect((await say('manifests', 'show', 'shop/cart', '--version', '4.1')).out).toMatch(/level: info\n/);
    expect((await say('manifests', 'diff', 'shop/cart', '--after', '4.2')).out).toMatch(/^4\.1 → 4\.2\n/);
    const difference = await say(
      '--json',
      'manifests',
      'diff',
      'shop/cart',
      '--before',
      '4.2',
      '--after',
      '4.2',
    );
    expect(JSON.parse(difference.out)).toMatchObject({ difference: { changed: [] } });
    const wrong = await Promise.all([
      say('manifests', 'show', 'shop/gone'),
      say('manifests', 'show', 'shop/cart', '--version', '9.9'),
      say('manifests', 'history', '--store', 'other'),
      say('manifests', 'diff', 'shop/cart', '--after', '4.1'),
    ]);
    expect(wrong.map(({ code, err }) => [code, err.trim()])).toEqual([
      [3, expect.stringMatching(/the store has no service shop\/gone$/)],
      [
        3,
        expect.stringMatching(
          /shop\/cart has no version 9\.9; it has 5\.62, (5\.\d\d, ){8}5\.53 and older ones$/,
        ),
      ],
      [3, expect.stringMatching(/manifest store: expected one of manifests, seen other$/)],
      [3, expect.stringMatching(/4\.1 is the first version of shop\/cart$/)],
    ]);
  });
});

test('the doctor tells every finding of a rehearsal', limit, async () => {
  const plan = testPlan([{ id: 'rehearse/west', kind: 'rehearseKubernetes' }], { mode: 'precheck' });
  const rehearsed = {
    problems: ['schedule daily of east: there is none; create it'],
    warnings: ['images: 2 without a digest'],
    good: ['backup location of west: Available'],
  };
  const rehearseKubernetes: StepActivity = async () =>
    testOutcome('refused', 'no', { before: rehearsed, details: rehearsed.problems });
  await withCli({ compiled: compiled(plan), steps: { rehearseKubernetes } }, async (say) => {
    const { code, out } = await say('--json', 'doctor');
    expect(code).toBe(1);
    const { findings } = JSON.parse(out) as { findings: { what: string; ok: boolean; detail: string }[] };
    const rehearsal = findings.filter(({ what }) => what.startsWith('precheck kubernetes-rehearsal '));
    expect(rehearsal.map(({ ok, detail }) => [ok, detail])).toEqual([
      [false, 'schedule daily of east: there is none; create it'],
      [true, 'warning: images: 2 without a digest'],
      [true, 'backup location of west: Available'],
    ]);
  });
});
