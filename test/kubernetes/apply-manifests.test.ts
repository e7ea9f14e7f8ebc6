import { mkdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyManifests } from '../../activities/apply-manifests.ts';
import { runStep } from '../../activities/define-step.ts';
import { rehearseKubernetes, type RehearsalObserved } from '../../activities/rehearse-kubernetes.ts';
import type { ManifestsObserved } from '../../domain/kubernetes/decide-apply.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import {
  kubernetesSchema,
  type BackupLocation,
  type KubernetesCluster,
} from '../../domain/schema/kubernetes.ts';
import { startBareCluster, type BareCluster } from '../../lab/bench/bare-cluster.ts';
import { configMaps, namespaces, openScene, runStepProcess, type Scene } from './apply-scene.ts';
import { inventoryCluster, operation, stepInput, stepTools } from './step-tools.ts';

let west: BareCluster;
let cluster: KubernetesCluster;
let scene: Scene;
let turn = 0;
/** A namespace that no other test has touched, and an epoch above those of all tests before. */
let shop: string;
let epoch: number;

beforeAll(async () => {
  west = await startBareCluster({ name: 'west', say: () => undefined });
  cluster = inventoryCluster(west);
});
afterAll(async () => west?.close());
beforeEach(() => {
  scene = openScene();
  turn += 1;
  shop = `shop-${turn}`;
  epoch = turn * 10;
});
afterEach(() => scene.remove());

type InputOptions = Parameters<typeof stepInput>[1];
const run = (options: InputOptions = {}, more = {}, tools = stepTools()) =>
  runStep(
    applyManifests,
    stepInput(scene.parameters(cluster, more), { operation: operation(epoch), ...options }),
    tools,
  );
/** What a rehearsal says of the manifests; there is no bucket of backups here, which is a finding of its own. */
async function rehearse(onConflict: 'report' | 'takeOver') {
  const { store, storeName } = scene.parameters(cluster);
  const location = kubernetesSchema.parse({
    backupLocations: {
      none: {
        endpoint: 'http://127.0.0.1:1',
        bucket: 'none',
        schedule: 'daily',
        accessKey: 'file:/nowhere',
        secretKey: 'file:/nowhere',
      },
    },
  }).backupLocations['none'] as BackupLocation;
  const parameters = {
    primary: { name: 'east', cluster },
    standby: { name: 'west', cluster },
    locationName: 'none',
    location,
    storeName,
    store,
    nodePools: {},
    onConflict,
  };
  const input = stepInput(parameters, { mode: 'precheck', operation: operation(0) });
  const { before } = await runStep(rehearseKubernetes, input, stepTools());
  const { problems, warnings } = before as RehearsalObserved;
  const ofManifests = (line: string) => /^(manifests|fields) on /.test(line);
  return { problems: problems.filter(ofManifests), warnings: warnings.filter(ofManifests) };
}

const read = (path: string) => west.api.get(path);
const mapPath = (name: string) => `/api/v1/namespaces/${shop}/configmaps/${name}`;
const dataOf = async (name: string) => (await read(mapPath(name)))['data'];

describe('applyManifests on a real API server', () => {
  it('applies stage by stage, and finds everything done when it runs again', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 40)]);
    const first = await run();
    expect(first).toMatchObject({
      status: 'done',
      before: { objects: 41, toCreate: 41 },
      after: { unchanged: 41, ready: 41 },
    });
    expect(first.details).toEqual([
      `manifests: at epoch ${epoch} only captures of west count, earlier ones none`,
      'namespaces: 1 created, 0 updated, 0 unchanged',
      'config: 40 created, 0 updated, 0 unchanged',
    ]);
    expect(await run()).toMatchObject({ status: 'already' });
  });

  it('writes only what differs, and puts back what somebody changed', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 10)]);
    await run();
    await west.api.call(
      'PATCH',
      mapPath('map-3'),
      { data: { a: 'changed' } },
      'application/merge-patch+json',
    );
    const versionBefore = (await read(mapPath('map-4'))).metadata['resourceVersion'];
    const again = await run({ operation: operation(epoch + 2), style: 'forced' });
    expect(again.details).toContain('config: 0 created, 1 updated, 9 unchanged');
    expect(await dataOf('map-3')).toEqual({ a: '1' });
    expect((await read(mapPath('map-4'))).metadata['resourceVersion']).toBe(versionBefore);
  });

  it('names the manager that owns a field, and takes over only when told to', async () => {
    const object = { ...configMaps(shop, 1)[0], data: { a: 'ours' } } as KubernetesObject;
    await west.api.create(namespaces(shop)[0] as never);
    await west.api.apply({ ...object, data: { a: 'theirs' } } as never, 'delivery-pipeline');
    await scene.keep([object]);
    // A precheck, and so a rehearsal, says what the same setting would meet.
    const precheck = { mode: 'precheck', operation: operation(0) } as const;
    expect(await run(precheck)).toMatchObject({
      status: 'refused',
      details: [
        expect.stringMatching(
          /^ConfigMap \S+\/map-0: .*409 Conflict \.data\.a belongs to delivery-pipeline$/,
        ),
      ],
    });
    expect(await run(precheck, { onConflict: 'takeOver' })).toMatchObject({
      status: 'planned',
      details: expect.arrayContaining([
        `take over fields of delivery-pipeline (1 objects: ConfigMap ${shop}/map-0)`,
      ]),
    });
    const rehearsed = await rehearse('report');
    expect(rehearsed.problems).toEqual([
      expect.stringMatching(
        /^manifests on west: ConfigMap \S+\/map-0: .*\.data\.a belongs to delivery-pipeline; /,
      ),
    ]);
    expect(await rehearse('takeOver')).toEqual({
      problems: [],
      warnings: [
        `fields on west: they differ from the store and would be taken over from delivery-pipeline (1 objects: ConfigMap ${shop}/map-0); afterwards its next apply must be one that takes them back`,
      ],
    });
    expect(await dataOf('map-0')).toEqual({ a: 'theirs' });
    const reported = await run();
    expect(reported.status).toBe('failed');
    expect(reported.summary).toContain('.data.a belongs to delivery-pipeline');
    expect(reported.after).toMatchObject({ managers: ['delivery-pipeline'] });
    expect(await dataOf('map-0')).toEqual({ a: 'theirs' });
    expect(await run({ overrides: { takeOverFields: 'they agreed' } })).toMatchObject({ status: 'done' });
    expect(await dataOf('map-0')).toEqual({ a: 'ours' });
  });

  it('begins with as many replicas as ran, and leaves them to the autoscaler from then on', async () => {
    const service = (replicas: number, image: string): KubernetesObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'cart', namespace: shop },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'cart' } },
        template: {
          metadata: { labels: { app: 'cart' } },
          spec: { containers: [{ name: 'main', image }] },
        },
      },
    });
    const autoscaler: KubernetesObject = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'cart', namespace: shop },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart' },
        minReplicas: 1,
        maxReplicas: 9,
      },
    };
    const path = `/apis/apps/v1/namespaces/${shop}/deployments/cart`;
    const specOf = async () => (await read(path))['spec'] as { replicas: number; template: object };
    const deliver = async (replicas: number, image: string) => {
      await scene.keep([...namespaces(shop), service(replicas, image), autoscaler], epoch, 'west');
      return run({}, { readyTimeoutMs: 300 });
    };
    // There are no nodes here, so it ends with what is not ready; a conflict would end it sooner and in other words.
    expect((await deliver(3, 'cart:1')).summary).toContain('stage workloads is not ready');
    expect((await specOf()).replicas).toBe(3);
    expect((await deliver(5, 'cart:2')).summary).toContain('stage workloads is not ready');
    expect((await specOf()).replicas).toBe(3); // nobody else holds it yet: left out, it would be 1
    await west.api.call('PATCH', `${path}/scale`, { spec: { replicas: 4 } }, 'application/merge-patch+json');
    expect((await deliver(6, 'cart:3')).summary).toContain('stage workloads is not ready');
    const { replicas, template } = await specOf();
    expect(replicas).toBe(4);
    expect(JSON.stringify(template)).toContain('cart:3');
    // Only the autoscaler itself is left, which comes last.
    expect(await run({ mode: 'precheck' })).toMatchObject({
      status: 'planned',
      before: { toUpdate: 0, toCreate: 1, findingsTotal: 0 },
    });
  });

  it('refuses a lower epoch and a twin, before anything is written', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2)]);
    expect(await run()).toMatchObject({ status: 'done' });
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2, { a: '2' })], epoch, 'west');
    const late = await run({ operation: operation(epoch - 1, 'late') });
    expect(late).toMatchObject({ status: 'refused' });
    expect(late.summary).toContain(`the target holds epoch ${epoch} of operation run-${epoch}`);
    expect(await run({ operation: operation(epoch, 'twin') })).toMatchObject({ status: 'refused' });
    expect(await dataOf('map-1')).toEqual({ a: '1' });
  });

  it('stops in mid-stage when a later operation takes the cluster', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 700)]);
    let overtaken = false;
    const tools = stepTools({
      reached: async (point) => {
        if (point !== 'applyManifests:chunk' || overtaken) return;
        overtaken = true;
        const stamp = { epoch: String(epoch + 5), operation: 'later' };
        await west.api.call(
          'PATCH',
          '/api/v1/namespaces/siteshift/configmaps/epoch-shop',
          { data: stamp },
          'application/merge-patch+json',
        );
      },
    });
    const outcome = await run({}, {}, tools);
    expect(outcome).toMatchObject({ status: 'refused' });
    expect(outcome.summary).toContain(`epoch ${epoch + 5} of operation later`);
    // What an operator reads of a step that runs.
    expect(tools.heartbeats).toContainEqual({ stage: 'config', written: 200, of: 700 });
    const written = await west.api.list(`/api/v1/namespaces/${shop}/configmaps`);
    expect(written.length).toBeLessThan(700);
    epoch += 6;
  });

  it('refuses manifests that were captured after a later failover', async () => {
    await scene.keep([...namespaces(shop)], epoch + 3);
    const outcome = await run();
    expect(outcome).toMatchObject({ status: 'refused' });
    expect(outcome.summary).toContain(`manifests holds epoch ${epoch + 3} of east, ours is ${epoch}`);
  });

  it('takes the store over before anything is applied, so that what comes back cannot record any more', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2)]);
    const recorded = await scene.store.head();
    await run({ mode: 'precheck' });
    await run({ mode: 'precheck', operation: operation(0) });
    expect(await scene.store.head()).toEqual(recorded);
    let late: unknown;
    const tools = stepTools({
      reached: async (point) => {
        if (point !== 'applyManifests:namespaces:before') return;
        late = await scene.keep([...namespaces(shop)]).catch((error: Error) => error.message);
      },
    });
    expect(await run({}, {}, tools)).toMatchObject({ status: 'done' });
    expect(late).toBe(
      `capture of east at epoch 1 refused: operation run-${epoch} took the store over for west at epoch ${epoch}; if that was given up and east serves, accept takeStoreBack`,
    );
    // What it brings is what was recorded before it; the new primary records from here on.
    const claim = { epoch, operation: `run-${epoch}`, cluster: 'west' };
    expect(await scene.store.head()).toEqual({ ...recorded, claim });
    expect(await run()).toMatchObject({ status: 'already' });
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2)], epoch, 'west');
    expect(await scene.store.head()).toMatchObject({ cluster: 'west', epoch, claim });
  });

  it('does not take the store over in a drill, which leaves stages out', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2)]);
    const recorded = await scene.store.head();
    expect(await run({}, { without: ['routes'] })).toMatchObject({ status: 'done' });
    expect(await run({}, { without: ['routes'] })).toMatchObject({ status: 'already' });
    expect(await scene.store.head()).toEqual(recorded);
  });

  it('goes on without the fence only in an emergency, says so, and makes up for it when it runs again', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2)]);
    // Nobody can write the head while its lock is one that cannot be removed.
    const lock = join(scene.folder, 'head.json.lock');
    mkdirSync(lock);
    utimesSync(lock, 0, 0);
    await expect(run()).rejects.toThrow(/head\.json\.lock/);
    await expect(dataOf('map-1')).rejects.toThrow('404');
    const forced = await run({ style: 'forced' });
    expect(forced).toMatchObject({ status: 'done', after: { unchanged: 3, ready: 3 } });
    expect(forced.leftToDo?.[0]).toMatch(
      /^manifests is not fenced \(.*head\.json\.lock.*\): until west is recorded, stop whatever records the cluster that was left, should it come back$/,
    );
    expect((await scene.store.head()).claim).toBeUndefined();
    rmSync(lock, { recursive: true });
    const again = await run();
    expect(again).toMatchObject({ status: 'done', before: { unchanged: 3, storeClaim: null } });
    expect((await scene.store.head()).claim).toMatchObject({ epoch, cluster: 'west' });
    const twin = await run({ operation: operation(epoch - 1, 'late') });
    expect(twin.details).toContain(
      `manifest store manifests: epoch ${epoch - 1} of operation late refused: the target holds epoch ${epoch} of operation run-${epoch}`,
    );
  });

  it('removes what the newest manifest no longer has from an object that Velero restored', async () => {
    const old = { ...configMaps(shop, 1)[0], data: { a: '1', gone: 'yes' } } as KubernetesObject;
    await west.api.create(namespaces(shop)[0] as never);
    for (const [name, labels] of [
      ['restored', { 'velero.io/restore-name': 'r1' }],
      ['foreign', {}],
    ] as const) {
      await west.api.apply({ ...old, metadata: { name, namespace: shop, labels } }, 'delivery');
    }
    const wanted = (name: string) => ({ ...old, metadata: { name, namespace: shop }, data: { a: '2' } });
    await scene.keep([wanted('restored'), wanted('foreign')]);
    const { before } = await run({ mode: 'precheck', style: 'forced', operation: operation(0) });
    expect(before).toMatchObject({ takesFrom: [`delivery (1 objects: ConfigMap ${shop}/foreign)`] });
    expect(await run({ style: 'forced' })).toMatchObject({ status: 'done' });
    expect(await dataOf('restored')).toEqual({ a: '2' });
    // The control: without the take-over the field of another manager stays.
    expect(await dataOf('foreign')).toEqual({ a: '2', gone: 'yes' });
    const { labels } = (await read(mapPath('restored'))).metadata;
    expect(labels).toEqual({ 'velero.io/restore-name': 'r1' });
  });

  it('brings a webhook after everything that it could refuse', async () => {
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };
    const guard: KubernetesObject = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'guard' },
      webhooks: [
        {
          name: 'guard.shop.example',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': shop } },
          // Nobody answers there yet.
          clientConfig: { url: 'https://127.0.0.1:1/' },
          rules: [rule],
        },
      ],
    };
    await scene.keep([guard, ...namespaces(shop), ...configMaps(shop, 3)]);
    expect(await run()).toMatchObject({ status: 'done', after: { objects: 5, ready: 5 } });
    // The control: from now on it does refuse.
    const late = configMaps(shop, 4).at(-1) as KubernetesObject;
    await expect(west.api.create(late as never)).rejects.toThrow('failed calling webhook');
  });

  it('tries in a precheck also what stands as stored: what the cluster takes may have changed since', async () => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 2)]);
    expect(await run()).toMatchObject({ status: 'done' });
    const [group, name] = ['admissionregistration.k8s.io/v1', `no-more-${shop}`];
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['configmaps'] };
    await west.api.create({
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression: 'false', message: 'nothing of this any more' }],
      },
    });
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': shop } };
    await west.api.create({
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'], matchResources: { namespaceSelector } },
    });
    const prechecked = () => run({ mode: 'precheck' });
    await expect.poll(async () => (await prechecked()).status, { timeout: 30_000 }).toBe('refused');
    const { before, details } = await prechecked();
    expect(before).toMatchObject({ unchanged: 3, findingsTotal: 2 });
    expect(details.join('\n')).toContain('nothing of this any more');
  });

  it('says what is not ready, and goes on with that as left to do when forced', async () => {
    const service: KubernetesObject = {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: 'cart', namespace: shop },
      spec: { template: { spec: { containers: [{ image: 'registry.example/cart' }] } } },
    };
    await scene.keep([...namespaces(shop), service]);
    const graceful = await run({}, { readyTimeoutMs: 500 });
    expect(graceful.status).toBe('failed');
    expect(graceful.summary).toMatch(
      /stage workloads is not ready after 0.5 s: 1 of 1 objects: Service.serving.knative.dev .*generation 1 not observed yet/,
    );
    const forced = await run({ style: 'forced' }, { readyTimeoutMs: 500 });
    expect(forced).toMatchObject({
      status: 'done',
      leftToDo: [
        expect.stringContaining(`${shop}/cart is progressing`),
        expect.stringContaining('record west from now on'),
      ],
    });
  });
});

describe('applyManifests, killed', () => {
  it.each([
    ['applyManifests:fence:before', 0],
    ['applyManifests:fence:after', 0],
    ['applyManifests:namespaces:after', 1],
    ['applyManifests:chunk', 200],
    ['applyManifests:after-apply', 451],
  ])('goes on after SIGKILL at %s', async (point, doneAtLeast) => {
    await scene.keep([...namespaces(shop), ...configMaps(shop, 450)]);
    const input = stepInput(scene.parameters(cluster), { operation: operation(epoch) });
    const killed = await runStepProcess('applyManifests', input, {
      point,
      marker: join(scene.folder, 'marker'),
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL', outcome: undefined });
    const resumed = await runStepProcess('applyManifests', input);
    expect(resumed.errors).toBe('');
    expect(['done', 'already']).toContain(resumed.outcome?.status);
    expect(resumed.outcome?.after).toMatchObject({ objects: 451, unchanged: 451, ready: 451 });
    const before = resumed.outcome?.before as ManifestsObserved | undefined;
    expect(before?.unchanged).toBeGreaterThanOrEqual(doneAtLeast);
    expect(before?.toUpdate).toBe(0);
    expect((await scene.store.head()).claim).toMatchObject({ epoch, cluster: 'west' });
  });
});
