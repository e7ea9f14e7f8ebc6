import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import type { Json } from '../../domain/json.ts';
import { kubernetesSchema, type KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import { runCommand } from '../engines/run-command.ts';
import { startBareCluster, type BareCluster } from './bare-cluster.ts';
import { emptySet, makeNamespaces, serviceSet, type ServiceSet } from './service-set.ts';
import { runStepProcess, type StepRun } from './step-process.ts';

const IN_FLIGHT = 32;
const goals = { firstOverKubectl: 2.5, writingOverBareLoop: 0.9, againOverKubectl: 20 };

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
  const cluster = await startBareCluster({ name: 'bench', say });
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-apply-'));
  try {
    await cluster.controllerManager.stop(); // its quota and garbage controllers would watch each object go by
    const rounds = [];
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      const kubectl = await measureKubectl(cluster, count, {
        folder: join(folder, `kubectl-${round}`),
        round,
      });
      say(`kubectl: ${describe(kubectl)}`);
      const bareLoop = await measureBareLoop(cluster, count, round);
      say(`bare loop, ${IN_FLIGHT} in flight: ${describe(bareLoop)}`);
      const siteshift = await measureProduct(cluster, count, folder, 10 * round);
      say(
        `siteshift: ${describe(siteshift)}, writing ${siteshift.writing.perSecond}/s, ${JSON.stringify(siteshift.busyAnswers)} times 429, ${siteshift.memoryMb} MB`,
      );
      rounds.push({ kubectl, bareLoop, siteshift });
    }
    const scaling = [];
    for (const [index, size] of values.also.split(',').filter(Boolean).map(Number).entries()) {
      const measured = await measureProduct(cluster, size, folder, 1_000 + index);
      scaling.push({ objects: size, msPerObject: round(measured.writing.ms / size), ...measured });
      say(`siteshift, ${size} objects: ${describe(measured)}, writing ${measured.writing.perSecond}/s`);
    }
    const ratios = {
      firstOverKubectl: median(
        rounds.map((one) => one.siteshift.first.perSecond / one.kubectl.first.perSecond),
      ),
      writingOverBareLoop: median(
        rounds.map((one) => one.siteshift.writing.perSecond / one.bareLoop.first.perSecond),
      ),
      againOverKubectl: median(
        rounds.map((one) => one.siteshift.again.perSecond / one.kubectl.again.perSecond),
      ),
    };
    const reached = Object.entries(goals).every(([name, goal]) => ratios[name as keyof typeof goals] >= goal);
    const result = { objects: count, inFlight: IN_FLIGHT, ratios, goals, reached, rounds, scaling };
    const text = JSON.stringify(result, null, 2);
    if (values.json !== undefined) writeFileSync(values.json, `${text}\n`);
    console.log(text);
    if (!reached) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await cluster.close();
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}

interface Pass {
  readonly ms: number;
  readonly perSecond: number;
}
interface Passes {
  readonly first: Pass;
  readonly again: Pass;
}

const round = (value: number): number => Math.round(value * 100) / 100;
const pass = (objects: number, ms: number): Pass => ({
  ms: Math.round(ms),
  perSecond: round((objects / ms) * 1_000),
});
const describe = ({ first, again }: Passes): string =>
  `first ${first.perSecond}/s (${first.ms} ms), again ${again.perSecond}/s (${again.ms} ms)`;

async function twice(objects: number, work: () => Promise<unknown>): Promise<Passes> {
  const timed = async () => {
    const startedAt = performance.now();
    await work();
    return pass(objects, performance.now() - startedAt);
  };
  return { first: await timed(), again: await timed() };
}

async function measureKubectl(
  cluster: BareCluster,
  count: number,
  { folder, round: number }: { readonly folder: string; readonly round: number },
): Promise<Passes> {
  const set = serviceSet(`kubectl${number}`, count);
  await makeNamespaces(cluster.api, set);
  mkdirSync(folder);
  set.objects.forEach((object, index) =>
    writeFileSync(join(folder, `${String(index).padStart(5, '0')}.json`), JSON.stringify(object)),
  );
  const flags = ['apply', '--server-side', '-f', folder, '--kubeconfig', cluster.kubeconfig('orchestrator')];
  return twice(count, () => runCommand(cluster.programs.kubectl, flags, { timeoutMs: 1_200_000 }));
}

/** Nothing but PATCHes over shared connections: what the API server gives on this machine. */
async function measureBareLoop(cluster: BareCluster, count: number, number: number): Promise<Passes> {
  const set = serviceSet(`bare${number}`, count);
  await makeNamespaces(cluster.api, set);
  return applyBare(cluster, set);
}

async function applyBare(cluster: BareCluster, set: ServiceSet): Promise<Passes> {
  const agent = agentFor(cluster);
  const paths = await Promise.all(set.objects.map((object) => cluster.api.pathOf(object)));
  const passes = await twice(set.objects.length, async () => {
    const queue = set.objects.entries();
    const lane = async () => {
      for (const [index, object] of queue) {
        const { statusCode, body } = await request(`${cluster.server}${paths[index]}?fieldManager=bare`, {
          method: 'PATCH',
          dispatcher: agent,
          headers: { 'content-type': 'application/apply-patch+yaml', accept: 'application/json' },
          body: JSON.stringify(object),
        });
        const answer = await body.text();
        if (statusCode >= 300) throw new Error(`bare loop: status ${statusCode}: ${answer.slice(0, 300)}`);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  });
  await agent.close();
  return passes;
}

function agentFor(cluster: BareCluster): Agent {
  const config = JSON.parse(readFileSync(cluster.kubeconfig('orchestrator'), 'utf8')) as {
    clusters: [{ cluster: Record<string, string> }];
    users: [{ user: Record<string, string> }];
  };
  const decode = (text: string | undefined) => Buffer.from(text ?? '', 'base64');
  return new Agent({
    connections: IN_FLIGHT,
    allowH2: false,
    connect: {
      ca: decode(config.clusters[0].cluster['certificate-authority-data']),
      cert: decode(config.users[0].user['client-certificate-data']),
      key: decode(config.users[0].user['client-key-data']),
    },
  });
}

/** The product captures the set from the cluster, the objects are removed, and the product brings them back. */
async function measureProduct(cluster: BareCluster, count: number, folder: string, epoch: number) {
  const set = serviceSet(`set${epoch}`, count);
  await makeNamespaces(cluster.api, set);
  await applyBare(cluster, set);
  const store = { storeName: 'bench', store: { kind: 'folder', path: join(folder, `store-${epoch}`) } };
  const target = { clusterName: 'bench', cluster: inventoryEntry(cluster) };
  const { services } = kubernetesSchema.parse({ services: { namespaces: [`${set.prefix}-*`] } });
  const capture = plain({ ...target, ...store, domain: 'bench', services });
  const captured = await runStepProcess({ kind: 'captureManifests', parameters: capture, epoch: 0 });
  assertStatus(captured, 'done', 'capture');
  await emptySet(cluster.api, set);

  const parameters = {
    ...target,
    ...store,
    services: [],
    readyTimeoutMs: 1,
    onConflict: 'report',
    without: [],
  };
  const step = { kind: 'applyManifests', parameters: plain(parameters), epoch, style: 'forced' as const };
  const first = await runStepProcess(step);
  assertStatus(first, 'done', 'first apply');
  const { durationsMs } = first.outcome;
  await markReady(cluster, set);
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
