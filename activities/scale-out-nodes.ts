import { decideScale, isScaled } from '../domain/kubernetes/decide-scale.ts';
import { list } from '../domain/kubernetes/object.ts';
import { describeMissing, quorumOf, type PoolObserved } from '../domain/kubernetes/nodes.ts';
import type { ScaleOutNodesParameters } from '../domain/kubernetes/parameters.ts';
import type { StepInput } from '../domain/step.ts';
import { callHttp, jsonObject } from './call-json.ts';
import { StepFailed, StepRefused, type Applied, type StepKind, type Verified } from './define-step.ts';
import { checkQuotas, nodeShortages } from './kubernetes/capacity-check.ts';
import { clientOf } from './kubernetes/client.ts';
import { assertStampIsOurs, claimStamp } from './kubernetes/epoch-stamp.ts';
import { keepFormer, readFormer } from './kubernetes/former-state.ts';
import { loadManifests } from './kubernetes/load-manifests.ts';
import { readNodes, readPool, scalePool } from './kubernetes/node-pools.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import { pauseAfter } from './kubernetes/wait-for-stage.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<ScaleOutNodesParameters>;
const SHOWN = 20;

/** Gives a cluster the nodes that it needs to carry the load, and waits for them. */
export const scaleOutNodes: StepKind<ScaleOutNodesParameters, PoolObserved> = {
  kind: 'scaleOutNodes',
  observe: refuseDenied(observe),
  decide: (observed, input) => decideScale(observed, input),
  apply,
  verify,
  undo,
};

async function observe(input: Input, tools: StepTools): Promise<PoolObserved> {
  const { clusterName, cluster, store } = input.parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const [seen, stored] = await Promise.all([
    observeNodes(input, tools),
    store === undefined ? undefined : loadManifests({ store, services: [], without: [] }, tools),
  ]);
  const manifests = stored?.manifests.map(({ object }) => object) ?? [];
  const shortages = [
    ...nodeShortages(manifests, poolsOf(input)),
    ...(await checkQuotas(client, { applied: manifests, restored: [] })).shortages,
  ];
  const former = isScaled(seen) ? ((await readFormer(client, ownerOf(input))) ?? null) : null;
  return { ...seen, shortages, former };
}

/** All of the cluster: each of them carries a part. */
const poolsOf = ({ parameters: { cluster, poolName, pool } }: Input) => ({
  ...cluster.nodePools,
  [poolName]: pool,
});

const ownerOf = (input: Input) => ({ ...input, what: `scaleOutNodes ${input.parameters.poolName}` });

/** Without what does not change while nodes boot. */
async function observeNodes({ parameters }: Input, tools: StepTools): Promise<PoolObserved> {
  const { clusterName, cluster, poolName, pool } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const [nodes, state] = await Promise.all([
    readNodes(client, pool.selector),
    pool.resource === undefined ? undefined : readPool(client, pool.resource),
  ]);
  return {
    pool: poolName,
    wanted: pool.nodes,
    asked: state?.asked ?? null,
    maximum: smallest(state?.maximum, pool.maxNodes),
    ready: nodes.ready,
    unready: nodes.unready.slice(0, SHOWN),
    unreadyTotal: nodes.unready.length,
    shortages: [],
    conditions: state?.conditions ?? [],
    former: null,
  };
}

/** The pool's own limit and the one of the inventory (a cloud's quota that the pool does not know): both hold. */
function smallest(...limits: readonly (number | undefined)[]): number | null {
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? null : Math.min(...known);
}

async function apply(input: Input, before: PoolObserved, tools: StepTools): Promise<Applied> {
  const { clusterName, cluster, pool } = input.parameters;
  const client = await clientOf(clusterName, cluster, tools);
  await claimStamp(client, input.operation);
  const snapshot = await keepFormer(client, ownerOf(input), { asked: before.asked });
  await tools.reached('scaleOutNodes:scale:before');
  if (pool.resource === undefined) await callScaleHook(input, pool.nodes, tools);
  else if ((before.asked ?? 0) < pool.nodes) await scalePool(client, pool.resource, pool.nodes);
  await tools.reached('scaleOutNodes:scale:after');
  const orderedAt = tools.now();
  const leftToDo = await waitForNodes(input, tools);
  return {
    snapshot,
    durationsMs: { orderToReady: tools.now() - orderedAt },
    ...(leftToDo.length === 0 ? {} : { leftToDo }),
  };
}

/** All nodes until the deadline; from then on the quorum is enough, and what is missing is named. */
async function waitForNodes(input: Input, tools: StepTools): Promise<readonly string[]> {
  const { clusterName, pool, poolName } = input.parameters;
  const enough = quorumOf(pool.nodes, pool.quorum);
  const deadline = tools.now() + pool.deadlineMs;
  for (;;) {
    const lookedAt = tools.now();
    const observed = await observeNodes(input, tools);
    if (observed.ready >= pool.nodes) return [];
    tools.heartbeat({ pool: poolName, ready: observed.ready, of: pool.nodes });
    if (tools.now() >= deadline) {
      const missing = describeMissing(observed);
      if (observed.ready >= enough) return missing;
      const seconds = pool.deadlineMs / 1_000;
      throw new StepFailed(
        `${clusterName}/${poolName}: after ${seconds} s expected at least ${enough} of ${pool.nodes} nodes ready, seen ${observed.ready}: ${missing.slice(0, 5).join('; ')}`,
        { pool: poolName, ready: observed.ready, quorum: enough, missing: [...missing] },
      );
    }
    await tools.sleep(pauseAfter(tools.now() - lookedAt));
  }
}

async function verify(input: Input, tools: StepTools, applied?: Applied): Promise<Verified<PoolObserved>> {
  const observed = await observeNodes(input, tools);
  const { clusterName, pool, poolName } = input.parameters;
  const needed = (applied?.leftToDo ?? []).length > 0 ? quorumOf(pool.nodes, pool.quorum) : pool.nodes;
  const ok = observed.ready >= needed;
  return {
    ok,
    isComing: true, // as many were ready a moment ago
    observed,
    summary: ok
      ? `${clusterName}/${poolName}: ${observed.ready} of ${pool.nodes} nodes are ready`
      : `${clusterName}/${poolName}: expected ${needed} ready nodes, seen ${observed.ready}: ${describeMissing(observed).slice(0, 5).join('; ')}`,
  };
}

/** Back to what the pool asked for before; nodes that a hook made are the hook's to remove. */
async function undo(input: Input, tools: StepTools): Promise<Applied & { readonly summary: string }> {
  const { clusterName, cluster, pool, poolName } = input.parameters;
  const where = `${clusterName}/${poolName}`;
  if (pool.resource === undefined) {
    const summary = `${where}: the hook set the nodes; scale them in by hand`;
    return { summary, leftToDo: [summary] };
  }
  const client = await clientOf(clusterName, cluster, tools);
  await assertStampIsOurs(client, input.operation);
  // An attempt that failed or was lost on its way has reported no snapshot, yet kept one.
  const former = input.snapshot ?? (await readFormer(client, ownerOf(input)));
  const { asked } = (former ?? {}) as { readonly asked?: number };
  if (asked === undefined) return { summary: `${where}: was not scaled` };
  await scalePool(client, pool.resource, asked);
  return { summary: `${where}: asks for ${asked} nodes again` };
}

async function callScaleHook(input: Input, nodes: number, tools: StepTools): Promise<void> {
  const { hook, clusterName, poolName } = input.parameters;
  if (hook === undefined)
    throw new StepFailed(`${clusterName}/${poolName}: its hook is not in the plan`, { poolName });
  const token = hook.token === undefined ? undefined : await tools.secret(hook.token);
  const { id, epoch } = input.operation;
  const answer = await callHttp({
    method: 'POST',
    url: hook.url,
    headers: {
      'content-type': 'application/json',
      'idempotency-key': `${id}/${epoch}/${input.step}/scale`,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      action: 'scale',
      cluster: clusterName,
      pool: poolName,
      nodes,
      operation: id,
      epoch,
    }),
    timeoutMs: hook.timeoutMs,
    signal: tools.signal,
  });
  if (answer.status >= 200 && answer.status < 300) return;
  if (answer.status === 409) throw new StepRefused(refusalOf(answer.text, `${clusterName}/${poolName}`));
  throw new Error(
    `hook for ${clusterName}/${poolName}: expected status 2xx, seen ${answer.status}: ${answer.text.slice(0, 200)}`,
  );
}

/** As with every hook, 409 is a refusal with reasons: a cloud that has no quota left says so once and for all. */
function refusalOf(text: string, pool: string): readonly string[] {
  const reasons = list(jsonObject(text)['reasons']).filter((reason) => typeof reason === 'string');
  return (reasons.length > 0 ? reasons : ['without a reason']).map(
    (reason) => `the hook for ${pool} refused: ${reason}`,
  );
}
