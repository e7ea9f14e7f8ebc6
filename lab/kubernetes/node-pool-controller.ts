import { createServer } from 'node:http';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { openApi, type ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { NODE_POOLS_PATH } from './lab-definitions.ts';
import { planPool, POOL_LABEL, type Boots, type NodePool } from './node-pool.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

// A process of its own, so that faults can hit the cloud, too. It answers on / once it has seen the cluster.
const { values } = parseArgs({
  options: { kubeconfig: { type: 'string' }, port: { type: 'string' }, region: { type: 'string' } },
});
const { kubeconfig, port, region } = values;
if (kubeconfig === undefined || port === undefined || region === undefined) {
  console.error('usage: node-pool-controller.ts --kubeconfig FILE --port N --region NAME');
  process.exit(64);
}

const ROUND_MS = 400;
const api = openApi(kubeconfig);
const booting = new Map<string, Boots>();
let trouble = 'not yet connected';

createServer((_, response) => {
  response.statusCode = trouble === '' ? 200 : 503;
  response.end(trouble === '' ? 'ok' : trouble);
}).listen(Number(port), '127.0.0.1');

for (;;) {
  try {
    await reconcileAll(region);
    trouble = '';
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
    console.error(new Date().toISOString(), trouble); // the next round tries again
  }
  await sleep(ROUND_MS);
}

async function reconcileAll(inRegion: string): Promise<void> {
  const pools = (await api.list(NODE_POOLS_PATH)) as readonly NodePool[];
  const nodes = await api.list(`/api/v1/nodes?labelSelector=${encodeURIComponent(POOL_LABEL)}`);
  for (const pool of pools) {
    const own = nodes.filter((node) => node.metadata.labels?.[POOL_LABEL] === pool.metadata.name);
    await reconcile({ api, pool, nodes: own, inRegion });
  }
}

async function reconcile(options: {
  readonly api: ApiClient;
  readonly pool: NodePool;
  readonly nodes: readonly KubernetesObject[];
  readonly inRegion: string;
}): Promise<void> {
  const { pool, nodes } = options;
  const key = `${pool.metadata.namespace}/${pool.metadata.name}`;
  const boots = booting.get(key) ?? new Map<string, number>();
  const plan = planPool({ pool, nodes, boots, nowMs: Date.now(), region: options.inRegion });
  booting.set(key, plan.boots);
  await Promise.all(plan.create.map((node) => api.create(node).catch(ignoring(409))));
  await Promise.all(
    plan.remove.map((name) => api.call('DELETE', `/api/v1/nodes/${name}`).catch(ignoring(404))),
  );
  if (isDeepStrictEqual(pool['status'], plan.status)) return;
  const path = `${await api.pathOf(pool)}/status`;
  await api.call('PATCH', path, { status: plan.status }, 'application/merge-patch+json').catch(ignoring(404));
}

/** What another round or somebody else did already is no trouble. */
function ignoring(status: number) {
  return (error: unknown) => {
    if (!(error instanceof ApiError) || error.status !== status) throw error;
  };
}
