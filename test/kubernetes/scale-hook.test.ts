import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runStep } from '../../activities/define-step.ts';
import { scaleOutNodes } from '../../activities/scale-out-nodes.ts';
import type { ScaleOutNodesParameters } from '../../domain/kubernetes/parameters.ts';
import { startBareCluster, type BareCluster } from '../../lab/bench/bare-cluster.ts';
import { namespaces, openScene, type Scene } from './apply-scene.ts';
import { inventoryCluster, operation, stepInput, stepTools } from './step-tools.ts';

// A real API server, and a cloud whose hook registers nodes there by itself.
let west: BareCluster;
let cloud: Server;
let scene: Scene;
let calls: { readonly body: unknown; readonly headers: IncomingHttpHeaders }[];
/** What the cloud does when it is called; returns the status and the body of its answer. */
let answer: () => Promise<readonly [number, unknown]>;

beforeAll(async () => {
  west = await startBareCluster({ name: 'west', say: () => undefined });
  cloud = createServer((request, response) => {
    void json(request).then(async (body) => {
      calls.push({ body, headers: request.headers });
      const [status, text] = await answer();
      response.statusCode = status;
      response.end(JSON.stringify(text));
    });
  });
  cloud.listen(0, '127.0.0.1');
  await once(cloud, 'listening');
});
afterAll(async () => {
  cloud?.close();
  await west?.close();
});
beforeEach(() => {
  calls = [];
  scene = openScene();
});
afterEach(async () => {
  scene.remove();
  await west.api.call('DELETE', '/api/v1/nodes');
});

async function registerNode(name: string, ready: 'True' | 'False' | undefined): Promise<void> {
  const metadata = { name, labels: { pool: 'general' } };
  await west.api.create({ apiVersion: 'v1', kind: 'Node', metadata });
  if (ready === undefined) return;
  const condition = { type: 'Ready', status: ready, reason: 'KubeletNotReady', message: 'no network yet' };
  const status = { conditions: [condition], allocatable: { cpu: '4', memory: '8Gi', pods: '110' } };
  await west.api.call('PATCH', `/api/v1/nodes/${name}/status`, { status }, 'application/merge-patch+json');
  // The API server taints a node at its birth; a controller of a whole cluster would take that away.
  if (ready === 'True')
    await west.api.call(
      'PATCH',
      `/api/v1/nodes/${name}`,
      { spec: { taints: null } },
      'application/merge-patch+json',
    );
}

function parameters(pool: Record<string, unknown> = {}, more: Partial<ScaleOutNodesParameters> = {}) {
  const token = join(scene.folder, 'token');
  writeFileSync(token, 'cloud-token');
  const general = { hook: 'cloud', nodes: 3, selector: 'pool=general', deadlineMs: 1_500, ...pool };
  const cluster = inventoryCluster(west, { nodePools: { general } });
  const parsed = cluster.nodePools['general'];
  if (parsed === undefined) throw new Error('the schema dropped the pool');
  const { port } = cloud.address() as AddressInfo;
  const hook = { url: `http://127.0.0.1:${port}/scale`, token: `file:${token}`, timeoutMs: 5_000 };
  return { clusterName: 'west', cluster, poolName: 'general', pool: parsed, hook, ...more };
}

describe('scaleOutNodes by a hook', () => {
  it('orders the nodes once and waits for them', async () => {
    answer = async () => {
      await Promise.all(['n1', 'n2', 'n3'].map((name) => registerNode(name, 'True')));
      return [202, {}];
    };
    const input = () => stepInput(parameters(), { operation: operation(3) });
    const outcome = await runStep(scaleOutNodes, input(), stepTools());
    expect(outcome).toMatchObject({
      status: 'done',
      summary: 'west/general: 3 of 3 nodes are ready',
      snapshot: { asked: null },
    });
    expect(calls.map(({ body }) => body)).toEqual([
      { action: 'scale', cluster: 'west', pool: 'general', nodes: 3, operation: 'run-3', epoch: 3 },
    ]);
    expect(calls[0]?.headers).toMatchObject({
      authorization: 'Bearer cloud-token',
      'idempotency-key': 'run-3/3/test/scale',
    });
    expect(await runStep(scaleOutNodes, input(), stepTools())).toMatchObject({ status: 'already' });
    expect(calls).toHaveLength(1);
  });

  it('takes the quorum after the deadline, and names what is missing with its conditions', async () => {
    answer = async () => {
      await Promise.all(['n1', 'n2', 'n3'].map((name) => registerNode(name, 'True').catch(() => undefined)));
      await registerNode('n4', 'False').catch(() => undefined);
      await registerNode('n5', undefined).catch(() => undefined);
      return [200, {}];
    };
    const run = (quorum: number) =>
      runStep(
        scaleOutNodes,
        stepInput(parameters({ nodes: 6, quorum }), { operation: operation(4) }),
        stepTools(),
      );
    const missing = [
      expect.stringMatching(/^n4: Ready=False \(KubeletNotReady: no network yet\)/),
      expect.stringMatching(/^n5: Ready not reported yet/),
      '1 of 6 nodes have not registered',
    ];
    const few = await run(0.9);
    expect(few).toMatchObject({ status: 'failed', after: { ready: 3, quorum: 6, missing } });
    expect(few.summary).toMatch(
      /^west\/general: after 1\.5 s expected at least 6 of 6 nodes ready, seen 3: n4: .*; n5: .*; 1 of 6 nodes have not registered$/,
    );
    expect(await run(0.5)).toMatchObject({
      status: 'done',
      summary: 'west/general: 3 of 6 nodes are ready',
      leftToDo: missing,
    });
  });

  it('refuses what the quota does not give, and asks for nothing', async () => {
    const input = stepInput(parameters({ nodes: 9, maxNodes: 5 }), { operation: operation(5) });
    expect(await runStep(scaleOutNodes, input, stepTools())).toMatchObject({
      status: 'refused',
      summary: 'nodes of west/general: wanted are 9, the quota is 5',
    });
    expect(calls).toEqual([]);
  });

  const workload = (memory: string, replicas: number) => {
    const container = { name: 'main', image: 'registry.example/a', resources: { requests: { memory } } };
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
    const spec = { replicas, selector: { matchLabels: { a: 'b' } }, template };
    const metadata = { name: 'cart', namespace: 'shop' };
    return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
  };
  const look = { mode: 'precheck', operation: operation(0) } as const;

  it('refuses nodes that do not hold what the manifests ask for, and names the resource', async () => {
    await scene.keep([...namespaces('shop'), workload('3Gi', 4)]);
    const store = { kind: 'folder', path: scene.folder, maximumAgeMs: 3_600_000 } as const;
    const alone = parameters({ resources: { memory: '3Gi' } }, { store });
    expect(await runStep(scaleOutNodes, stepInput(alone, look), stepTools())).toMatchObject({
      status: 'refused',
      summary: 'memory of 3 nodes of pool general: the manifests ask for 12.0 GiB, there is 9.0 GiB',
    });
    const nodePools = { ...alone.cluster.nodePools, second: { ...alone.pool, nodes: 1 } };
    const both = { ...alone, cluster: { ...alone.cluster, nodePools } };
    // Neither pool could alone.
    expect(await runStep(scaleOutNodes, stepInput(both, look), stepTools())).toMatchObject({
      status: 'planned',
    });
    expect(calls).toEqual([]);
  });

  it('refuses what the quota of a namespace does not give any more, and names it', async () => {
    const deployment = workload('1Gi', 4);
    await scene.keep([...namespaces('shop'), deployment]);
    const store = { kind: 'folder', path: scene.folder, maximumAgeMs: 3_600_000 } as const;
    const input = stepInput(parameters({}, { store }), look);
    const { api } = west;
    const metadata = { name: 'compute', namespace: 'shop' };
    await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, 'platform');
    const spec = { hard: { 'requests.memory': '5Gi' } };
    await api.apply({ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec }, 'platform');
    const setStatus = (path: string, status: object) =>
      api.call('PATCH', `${path}/status`, { status }, 'application/merge-patch+json');
    const quota = '/api/v1/namespaces/shop/resourcequotas/compute';
    await setStatus(quota, { used: { 'requests.memory': '0' } });
    expect(await runStep(scaleOutNodes, input, stepTools())).toMatchObject({ status: 'planned' });
    // As its controller would, which a bare API server lacks: others use a part.
    await setStatus(quota, { used: { 'requests.memory': '2Gi' } });
    expect(await runStep(scaleOutNodes, input, stepTools())).toMatchObject({
      status: 'refused',
      summary: 'namespace shop, quota compute: requests.memory: 4.0 GiB asked for, 3.0 GiB left',
    });
    // What the manifest's own pods use is not asked for a second time.
    await setStatus(quota, { used: { 'requests.memory': '0' } });
    await api.apply(deployment, 'platform');
    const replicas = async () => {
      const live = await api.call('GET', '/apis/apps/v1/namespaces/shop/deployments/cart');
      return (live as { status?: { replicas?: number } }).status?.replicas;
    };
    await expect.poll(replicas, { timeout: 20_000 }).toBe(4);
    await setStatus(quota, { used: { 'requests.memory': '5Gi' } });
    const again = await runStep(scaleOutNodes, input, stepTools());
    expect([again.status, ...again.details]).toEqual([
      'planned',
      'west/general: scale to 3 nodes, 0 are ready',
    ]);
  });

  it('hands on why the cloud refuses, and does not ask it again', async () => {
    answer = async () => [409, { reasons: ['quota vCPUs in eu-west: limit 64, in use 62'] }];
    const input = stepInput(parameters(), { operation: operation(6) });
    expect(await runStep(scaleOutNodes, input, stepTools())).toMatchObject({
      status: 'refused',
      summary: 'the hook for west/general refused: quota vCPUs in eu-west: limit 64, in use 62',
    });
    answer = async () => [500, 'maintenance'];
    await expect(runStep(scaleOutNodes, input, stepTools())).rejects.toThrow(
      'hook for west/general: expected status 2xx, seen 500: "maintenance"',
    );
  });

  it('leaves its nodes to the hook when it is undone', async () => {
    const input = stepInput(parameters(), { mode: 'undo', snapshot: { asked: null } });
    const summary = 'west/general: the hook set the nodes; scale them in by hand';
    expect(await runStep(scaleOutNodes, input, stepTools())).toMatchObject({ summary, leftToDo: [summary] });
  });
});
