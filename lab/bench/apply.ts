import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Json } from '../../domain/json.ts';
import { kubernetesSchema, type KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import {
  applyOnce,
  describe,
  IN_FLIGHT,
  measureBareLoop,
  measureKubectl,
  pass,
  round,
  type Passes,
} from './apply-sides.ts';
import { startBareCluster, type BareCluster } from './bare-cluster.ts';
import { emptySet, makeNamespaces, serviceSet, type ServiceSet } from './service-set.ts';
import { runStepProcess, type StepRun } from './step-process.ts';

const goals = {
  firstOverKubectl: 2.5,
  writingOverBareLoop: 0.9,
  againOverKubectl: 20,
  /** Of the sizes of `--also`, what a written object costs at most against at least. */
  dearestOverCheapest: 1.25,
};

/**
 * applyManifests beside `kubectl apply --server-side` and a bare loop, on one API server, in one run, in rounds that
 * alternate. Each has its own namespaces; each applies twice. siteshift's times hold reading the store, the looks
 * before and after and the writes; they are without the start of its process (a worker runs all the time) and without
 * waiting for readiness (kubectl does not wait either).
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      objects: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '3' },
      /** More sizes for siteshift alone: its cost per object should not depend on their number. */
      also: { type: 'string', default: '' },
      json: { type: 'string' },
    },
  });
  const count = Number(values.objects);
  const say = (line: string) => console.error(line);
  const loadBefore = round(loadavg()[0] ?? 0);
  const cluster = await startBareCluster({ name: 'bench', say });
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-apply-'));
  try {
    await cluster.controllerManager.stop(); // its quota and garbage controllers would watch each object go by
    const rounds: Round[] = [];
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      const inRound = { folder, round };
      const sides = {
        kubectl: () => measureKubectl(cluster, count, inRound),
        bareLoop: () => measureBareLoop(cluster, count, round),
        siteshift: () => measureProduct(cluster, count, folder, 10 * round),
      };
      const names = ['kubectl', 'bareLoop', 'siteshift'] as const;
      const taken: Partial<Record<keyof Round, Passes>> = {};
      // Each round begins with another side: the cluster fills up and the machine drifts, for nobody's good.
      for (const name of [...names.slice((round - 1) % 3), ...names.slice(0, (round - 1) % 3)]) {
        taken[name] = await sides[name]();
        say(`${name}: ${describe(taken[name])}`);
      }
      rounds.push(taken as Round);
    }
    const sizes = values.also.split(',').filter(Boolean).map(Number);
    const scaling = await measureScaling(cluster, sizes, folder, say);
    const ratios: Ratios = {
      ...(rounds.length === 0 ? {} : ratiosOf(rounds)),
      ...(sizes.length < 2 ? {} : { dearestOverCheapest: spreadOf(scaling) }),
    };
    const reached = isReached(ratios);
    const result = {
      objects: count,
      inFlight: IN_FLIGHT,
      load: { before: loadBefore, after: round(loadavg()[0] ?? 0) },
      ratios,
      goals,
      reached,
      rounds,
      scaling,
    };
    const text = JSON.stringify(result, null, 2);
    if (values.json !== undefined) writeFileSync(values.json, `${text}\n`);
    console.log(text);
    if (!reached) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await cluster.close();
  }
}

async function measureScaling(
  cluster: BareCluster,
  sizes: readonly number[],
  folder: string,
  say: (line: string) => void,
) {
  const scaling = [];
  for (const [index, objects] of sizes.entries()) {
    const measured = await measureProduct(cluster, objects, folder, 1_000 + index);
    const msPerObject = {
      first: round(measured.first.ms / objects),
      writing: round(measured.writing.ms / objects),
    };
    scaling.push({ objects, msPerObject, ...measured });
    say(`siteshift, ${objects} objects: ${describe(measured)}, writing ${measured.writing.perSecond}/s`);
  }
  return scaling;
}

function spreadOf(scaling: Awaited<ReturnType<typeof measureScaling>>): number {
  const costs = scaling.map(({ msPerObject }) => msPerObject.first);
  return round(Math.max(...costs) / Math.min(...costs));
}

type Ratios = Partial<Record<keyof typeof goals, number>>;

const isReached = ({ dearestOverCheapest = 1, ...ratios }: Ratios): boolean =>
  dearestOverCheapest <= goals.dearestOverCheapest &&
  Object.entries(ratios).every(([name, ratio]) => ratio >= goals[name as keyof typeof ratios]);

function ratiosOf(rounds: readonly Round[]) {
  const over = (ratio: (round: Round) => number) => median(rounds.map(ratio));
  return {
    firstOverKubectl: over((one) => one.siteshift.first.perSecond / one.kubectl.first.perSecond),
    writingOverBareLoop: over((one) => one.siteshift.writing.perSecond / one.bareLoop.first.perSecond),
    againOverKubectl: over((one) => one.siteshift.again.perSecond / one.kubectl.again.perSecond),
  };
}

interface Round {
  readonly kubectl: Passes;
  readonly bareLoop: Passes;
  readonly siteshift: Awaited<ReturnType<typeof measureProduct>>;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}

/** Objects that the process of a first apply has brought onto the cluster before: a worker runs all the time. */
const WARM_UP = 500;

async function measureProduct(cluster: BareCluster, count: number, folder: string, epoch: number) {
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
