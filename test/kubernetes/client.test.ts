import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyManifests } from '../../activities/apply-manifests.ts';
import { runStep } from '../../activities/define-step.ts';
import { ApiError, ConnectionError } from '../../activities/kubernetes/api-error.ts';
import { clientOf, makeClient } from '../../activities/kubernetes/client.ts';
import { discoveryOf } from '../../activities/kubernetes/discovery.ts';
import { readKubeconfig } from '../../activities/kubernetes/kubeconfig.ts';
import { listObjects } from '../../activities/kubernetes/list.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { startBareCluster, type BareCluster } from '../../lab/bench/bare-cluster.ts';
import { configMaps, countingProxy, namespaces, openScene, type Scene } from './apply-scene.ts';
import { inventoryCluster, operation, stepInput, stepTools } from './step-tools.ts';

let west: BareCluster;
let scene: Scene;
beforeAll(async () => {
  west = await startBareCluster({ name: 'west', say: () => undefined });
});
afterAll(async () => west?.close());
beforeEach(() => {
  scene = openScene();
});
afterEach(() => scene.remove());

const kubeconfig = () => readFileSync(west.kubeconfig('orchestrator'), 'utf8');
/** The inventory's cluster, reached through another address. */
const through = (url: string) => {
  const file = join(scene.folder, 'kubeconfig');
  writeFileSync(file, kubeconfig().replaceAll(west.server, url));
  return inventoryCluster({ kubeconfig: () => file }, { inFlight: 16 });
};

describe('the client', () => {
  it('opens no more connections than requests in flight, however many requests there are', async () => {
    const proxy = await countingProxy(west.server);
    await scene.keep([...namespaces('many'), ...configMaps('many', 400)]);
    const cluster = through(proxy.url);
    const outcome = await runStep(applyManifests, stepInput(scene.parameters(cluster)), stepTools());
    expect(outcome).toMatchObject({ status: 'done', after: { objects: 401 } });
    expect(proxy.count()).toBeLessThanOrEqual(16);
    const client = await clientOf('west', cluster, stepTools());
    await client.close();
    proxy.close();
  });

  it('asks for discovery once, however many ask at the same time, and again for what it does not know', async () => {
    const calls: string[] = [];
    const client = makeClient('west', await readKubeconfig(kubeconfig(), undefined), 8);
    const counted = {
      ...client,
      call: (call: never) => (calls.push((call as { path: string }).path), client.call(call)),
    };
    const discovery = discoveryOf(counted as typeof client);
    const found = await Promise.all(
      Array.from({ length: 20 }, () => discovery.find('apps/v1', 'Deployment')),
    );
    expect(new Set(found.map((one) => one?.plural))).toEqual(new Set(['deployments']));
    expect(calls).toEqual(['/api', '/apis']);
    expect(await discovery.find('example.com/v1', 'Nothing')).toBeUndefined();
    expect(calls).toHaveLength(4);
    expect(await discovery.versionsOf('serving.knative.dev', 'Service')).toEqual(['serving.knative.dev/v1']);
    await client.close();
  });

  it('waits as long as a busy server asks it to, and gets everything through', async () => {
    for (const object of narrowLane()) await west.api.apply(object, 'lab');
    const client = makeClient('west', await readKubeconfig(kubeconfig(), undefined), 48);
    await west.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'busy' } });
    const body = (index: number) =>
      JSON.stringify({ ...configMaps('busy', 1)[0], metadata: { name: `m-${index}` } });
    const path = '/api/v1/namespaces/busy/configmaps';
    await Promise.all(
      Array.from({ length: 300 }, (_, index) => client.call({ method: 'POST', path, body: body(index) })),
    );
    expect(client.busyAnswers()).toBeGreaterThan(0);
    for (const object of narrowLane()) await west.api.delete(object);
    const resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
    const made = (await listObjects(client, resource, { namespace: 'busy' })).filter(({ metadata }) =>
      metadata.name.startsWith('m-'),
    );
    expect(made).toHaveLength(300);
    await client.close();
  });

  it('reads a list page by page, each object once', async () => {
    const client = makeClient('west', await readKubeconfig(kubeconfig(), undefined), 8);
    const roles = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
    const all = await listObjects(client, roles);
    expect(all.length).toBeGreaterThan(500);
    expect(new Set(all.map(({ metadata }) => metadata.uid)).size).toBe(all.length);
    await client.close();
  });

  it('says who refused what, and who did not answer', async () => {
    const client = makeClient('west', await readKubeconfig(kubeconfig(), undefined), 2);
    const patience = { busyMs: 0, passingMs: 0, doubtfulMs: 0 };
    const forbidden = client.call({ method: 'DELETE', path: '/api/v1/nodes/none', patience });
    await expect(forbidden).rejects.toThrow(ApiError);
    await expect(forbidden).rejects.toThrow(
      /^west: DELETE \/api\/v1\/nodes\/none: 403 Forbidden nodes "none" is forbidden/,
    );
    await client.close();
    const nobody = makeClient(
      'west',
      { server: 'https://127.0.0.1:1', tls: {}, headers: async () => ({}) },
      2,
    );
    await expect(nobody.call({ method: 'GET', path: '/version', patience })).rejects.toThrow(ConnectionError);
    await nobody.close();
  });

  it.each([
    ['no YAML', '{{{', /cannot be read: expected YAML/],
    [
      'without its context',
      JSON.stringify({ clusters: [], users: [], contexts: [], 'current-context': 'gone' }),
      /no usable context gone \(current\); contexts: none/,
    ],
  ])('refuses a kubeconfig that is %s, without quoting it', async (_, text, message) => {
    await expect(readKubeconfig(text, undefined)).rejects.toThrow(message);
  });
});

/** Real flow control: the orchestrator gets one seat and no queue. */
function narrowLane() {
  const metadata = { name: 'narrow' };
  const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
  return [
    {
      apiVersion,
      kind: 'PriorityLevelConfiguration',
      metadata,
      spec: {
        type: 'Limited',
        limited: {
          nominalConcurrencyShares: 1,
          lendablePercent: 0,
          borrowingLimitPercent: 0,
          limitResponse: { type: 'Reject' },
        },
      },
    },
    {
      apiVersion,
      kind: 'FlowSchema',
      metadata,
      spec: {
        priorityLevelConfiguration: metadata,
        matchingPrecedence: 2,
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: 'siteshift' } }],
            resourceRules: [
              { apiGroups: ['*'], resources: ['*'], verbs: ['*'], namespaces: ['*'], clusterScope: true },
            ],
          },
        ],
      },
    },
  ];
}

describe('manifests that are not valid, at precheck', () => {
  const object = (apiVersion: string, kind: string, more: object = {}): KubernetesObject => ({
    apiVersion,
    kind,
    metadata: { name: 'bad', namespace: 'default' },
    ...more,
  });
  const container = { name: 'main', image: 'registry.example/a' };
  const deployment = (spec: object) =>
    object('apps/v1', 'Deployment', {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
        ...spec,
      },
    });

  it.each<[string, KubernetesObject, RegExp]>([
    [
      'an unknown kind',
      object('example.com/v1', 'Nothing'),
      /unknown kind Nothing in example.com\/v1: west serves no version of it/,
    ],
    [
      'a version that is gone',
      object('networking.istio.io/v1alpha1', 'VirtualService'),
      /unknown kind VirtualService in networking.istio.io\/v1alpha1: west serves .*networking.istio.io\/v1/,
    ],
    ['a field that does not exist', deployment({ replcas: 2 }), /replcas/],
    ['a value of the wrong type', deployment({ replicas: 'two' }), /replicas/],
    [
      'an image missing',
      deployment({
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'main' }] } },
      }),
      /image: Required value/,
    ],
    [
      'a cluster-wide kind in a namespace',
      object('scheduling.k8s.io/v1', 'PriorityClass', { value: 1 }),
      /wrong namespace: PriorityClass is cluster-wide, seen default/,
    ],
    [
      '2 MiB',
      object('v1', 'ConfigMap', { data: { a: 'x'.repeat(2 ** 21) } }),
      /2\.0 MiB: the API server takes 1\.4 MiB at most/,
    ],
    [
      'a Secret in clear text',
      object('v1', 'Secret', { stringData: { password: 'hunter2' } }),
      /a Secret in clear text/,
    ],
  ])('%s is refused, and nothing is written', async (_, bad, problem) => {
    await scene.keep([bad]);
    const input = stepInput(scene.parameters(inventoryCluster(west)), {
      mode: 'precheck',
      operation: operation(0),
    });
    const outcome = await runStep(applyManifests, input, stepTools());
    expect(outcome.status).toBe('refused');
    expect(outcome.details.join('\n')).toMatch(problem);
    expect(JSON.stringify(outcome)).not.toContain('hunter2');
    expect(await west.api.list('/apis/apps/v1/namespaces/default/deployments')).toEqual([]);
  });

  it('a manifest of a kind that another manifest defines is no problem', async () => {
    const [group, kind] = ['fresh.example', 'Fresh'];
    const definition: KubernetesObject = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `freshes.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind, listKind: 'FreshList', plural: 'freshes', singular: 'fresh' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    };
    await scene.keep([definition, object(`${group}/v1`, kind)]);
    // The orchestrator of the lab may not write kinds that nobody has told it about.
    const admin = inventoryCluster({ kubeconfig: () => west.kubeconfig('admin') });
    const parameters = scene.parameters(admin, { readyTimeoutMs: 30_000 });
    const checked = await runStep(
      applyManifests,
      stepInput(parameters, { mode: 'precheck', operation: operation(0) }),
      stepTools(),
    );
    expect(checked).toMatchObject({ status: 'planned', before: { findingsTotal: 0 } });
    const outcome = await runStep(
      applyManifests,
      stepInput(parameters, { operation: operation(50) }),
      stepTools(),
    );
    expect(outcome).toMatchObject({ status: 'done', after: { ready: 2 } });
  });
});
