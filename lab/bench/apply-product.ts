import { join } from 'node:path';
import type { Json } from '../../domain/json.ts';
import { kubernetesSchema, type KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import { applyOnce, IN_FLIGHT, pass } from './apply-sides.ts';
import type { BareCluster } from './bare-cluster.ts';
import { emptySet, makeNamespaces, serviceSet, type ServiceSet } from './service-set.ts';
import { runStepProcess, type StepRun } from './step-process.ts';

/**
 * Objects that the process of a first apply has brought onto the cluster before: a worker runs all the time. After 500
 * its code is not compiled to the end yet.
 */
const WARM_UP = 2_000;

/** The product's side: it brings a lost set back, then applies it again unchanged. */
export async function measureProduct(cluster: BareCluster, count: number, folder: string, epoch: number) {
  const lost = await loseSet(cluster, serviceSet(`set${epoch}`, count), join(folder, `store-${epoch}`));
  const warmUp = await loseSet(
    cluster,
    serviceSet(`warm${epoch}`, WARM_UP),
    join(folder, `store-warm-${epoch}`),
  );
  const step = { kind: 'applyManifests', parameters: lost.parameters, epoch, style: 'forced' as const };
  const first = await runStepProcess({ ...step, warmUp: warmUp.parameters });
  assertStatus(first, 'done', 'first apply');
  const { durationsMs } = first.outcome;
  await markReady(cluster, lost.set);
  const again = await runStepProcess({ ...step, times: 3 });
  assertStatus(again, 'already', 'second apply');
  const writing = sumOf(durationsMs, 'Apply');
  const waiting = sumOf(durationsMs, 'Ready') - writing;
  return {
    first: pass(count, (first.stepMs[0] ?? 0) - waiting),
    again: pass(count, Math.max(...again.stepMs.slice(1))),
    /** The same in a process that has just started. */
    againCold: pass(count, again.stepMs[0] ?? 0),
    /** Of the first: only the stages, without reading the store and without the look before and after. */
    writing: pass(count, writing),
    wallMs: { first: Math.round(first.wallMs), again: Math.round(again.wallMs) },
    busyAnswers: first.outcome.evidence[0]?.value ?? 0,
    memoryMb: Math.round(Math.max(first.memoryMb, again.memoryMb)),
  };
}

/** The product captures the set from the cluster, then its objects are removed: what brings them back. */
async function loseSet(cluster: BareCluster, set: ServiceSet, path: string) {
  await makeNamespaces(cluster.api, set);
  await applyOnce(cluster, set);
  const target = {
    clusterName: 'bench',
    cluster: inventoryEntry(cluster),
    storeName: 'bench',
    store: { kind: 'folder', path },
  };
  const { services } = kubernetesSchema.parse({ services: { namespaces: [`${set.prefix}-*`] } });
  const capture = plain({ ...target, domain: 'bench', services });
  const captured = await runStepProcess({ kind: 'captureManifests', parameters: capture, epoch: 0 });
  assertStatus(captured, 'done', 'capture');
  await emptySet(cluster.api, set);
  const rest = { services: [], readyTimeoutMs: 1, onConflict: 'report', without: [] };
  return { set, parameters: plain({ ...target, ...rest }) };
}

const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

const sumOf = (durationsMs: Readonly<Record<string, number>>, suffix: string): number =>
  Object.entries(durationsMs)
    .filter(([name]) => name.endsWith(suffix))
    .reduce((sum, [, ms]) => sum + ms, 0);

/** What Knative would say a moment later; without it the second apply would find its services unready. */
async function markReady(cluster: BareCluster, { objects }: ServiceSet): Promise<void> {
  const status = {
    observedGeneration: 1,
    latestCreatedRevisionName: 'one',
    latestReadyRevisionName: 'one',
    conditions: [{ type: 'Ready', status: 'True' }],
  };
  const services = objects.filter(({ kind }) => kind === 'Service').values();
  const lane = async () => {
    for (const service of services) {
      const path = `${await cluster.api.pathOf(service)}/status`;
      await cluster.api.call('PATCH', path, { status }, 'application/merge-patch+json');
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

function assertStatus({ outcome }: StepRun, expected: string, what: string): void {
  if (outcome.status === expected) return;
  throw new Error(`${what}: expected ${expected}, seen ${outcome.status}: ${outcome.summary}`);
}

function inventoryEntry(cluster: BareCluster): KubernetesCluster {
  const entry = {
    site: 'bench',
    kubeconfig: `file:${cluster.kubeconfig('orchestrator')}`,
    inFlight: IN_FLIGHT,
  };
  const parsed = kubernetesSchema.parse({ clusters: { bench: entry } }).clusters['bench'];
  if (parsed === undefined) throw new Error('the schema dropped the cluster');
  return parsed;
}
