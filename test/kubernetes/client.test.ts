import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyManifests } from '../../activities/apply-manifests.ts';
import { runStep } from '../../activities/define-step.ts';
import { ApiError, ConnectionError } from '../../activities/kubernetes/api-error.ts';
import { clientOf, makeClient } from '../../activities/kubernetes/client.ts';
import { discoveryOf } from '../../activities/kubernetes/discovery.ts';
import { readKubeconfig } from '../../activities/kubernetes/kubeconfig.ts';
import { listObjects } from '../../activities/kubernetes/list.ts';
import { startBareCluster, type BareCluster } from '../../lab/bench/bare-cluster.ts';
import { refusingManifests } from './bad-manifests.ts';
import { configMaps, countingProxy, namespaces, openScene, type Scene } from './apply-scene.ts';
import { inventoryCluster, stepInput, stepTools } from './step-tools.ts';

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
    // The server takes the narrow lane into force when it gets round to it.
    let made = 0;
    while (client.busyAnswers() === 0 && made < 3_000) {
      const batch = Array.from({ length: 300 }, (_, index) => made + index);
      await Promise.all(batch.map((index) => client.call({ method: 'POST', path, body: body(index) })));
      made += batch.length;
    }
    expect(client.busyAnswers()).toBeGreaterThan(0);
    for (const object of narrowLane()) await west.api.delete(object);
    const resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
    const there = (await listObjects(client, resource, { namespace: 'busy' })).filter(({ metadata }) =>
      metadata.name.startsWith('m-'),
    );
    expect(there).toHaveLength(made);
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

  it('sees all kinds of a server that starts, and takes no refusal of it for its last word', async () => {
    const access = await readKubeconfig(kubeconfig(), undefined);
    const before = makeClient('west', access, 2);
    const kinds = (await discoveryOf(before).all()).length;
    await before.close();
    west.apiserver.kill();
    await west.apiserver.gone();
    const restarted = west.apiserver.restart();
    const { port } = new URL(west.server);
    await expect.poll(() => isListening(Number(port)), { timeout: 60_000, interval: 5 }).toBe(true);
    // New ones, which know of no trouble: whoever has not asked meanwhile does not see that it was away.
    const newcomers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const client = makeClient('west', access, 2);
        await client.call({ method: 'GET', path: '/api/v1/nodes' });
        const found = (await discoveryOf(client).all()).length;
        await client.close();
        return found;
      }),
    );
    await restarted;
    expect(new Set(newcomers)).toEqual(new Set([kinds]));
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

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
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

refusingManifests(() => west);
