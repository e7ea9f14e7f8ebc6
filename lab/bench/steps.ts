import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Client } from '@temporalio/client';
import type { Supervised } from '../process/supervise.ts';
import { wholeNumber } from '../tell-errors.ts';
import { openBench, type OpenBench } from './open-bench.ts';
import { chainPlan, runChain, type StepTimes } from './chain-of-steps.ts';
import { startOrchestrator } from './orchestrator.ts';
import { sidesOf, type StepsSide } from './steps-sides.ts';

const goalMs = 25;
const taskQueue = 'bench-steps';
const warmUpSteps = 100;

interface Running {
  readonly side: StepsSide;
  readonly client: Client;
  readonly processes: { readonly server: Supervised; readonly worker: Supervised };
  readonly rounds: Round[];
}

interface Round {
  readonly times: StepTimes;
  /** Processor time that the process took for one step, ms. */
  readonly cpuMs: { readonly server: number; readonly worker: number };
  readonly load: number;
}

/**
 * What orchestration costs: a chain of steps that find nothing to do, through the real worker on the lab's Temporal.
 * Each step is one callHook that asks a local HTTP server (about a millisecond of it is that call) and hears "already".
 * With `--against` the same runs on further Temporals with a setting changed, in turns, so that slow changes of the
 * machine hit all of them.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      steps: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '3' },
      against: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
    },
  });
  const steps = wholeNumber('--steps', values.steps, 2, 1_000);
  const rounds = wholeNumber('--rounds', values.rounds, 1, 50);
  const sides = sidesOf(values.against);
  const bench = await openBench(console.log);
  const hook = await startHook();
  try {
    const running: Running[] = [];
    for (const side of sides) running.push(await startSide(bench, side));
    for (const { client } of running)
      await runChain(client, taskQueue, chainPlan('warm-up', warmUpSteps, hook.url));
    for (let round = 0; round < rounds; round += 1) {
      // There and back, so that no side is always the one that comes first.
      for (const one of round % 2 === 0 ? running : running.toReversed()) {
        one.rounds.push(await measure(one, chainPlan(`round-${round}`, steps, hook.url)));
      }
    }
    report(running, steps, await hookCallMs(hook.url), values.json);
    await Promise.all(running.map(({ client }) => client.connection.close()));
  } finally {
    hook.close();
    await bench.close();
  }
}

async function startSide(bench: OpenBench, side: StepsSide): Promise<Running> {
  const { dynamicConfig, sqlitePragmas, environment, checkout } = side;
  const runbooks = join(bench.folder, 'runbooks');
  mkdirSync(runbooks, { recursive: true });
  const { client, server, worker } = await startOrchestrator({
    ...bench,
    taskQueue,
    inventory: 'version: 1\ndomain: bench\nsites:\n  east: {}\n  west: {}\n',
    runbooks,
    settings: { dynamicConfig, sqlitePragmas, environment },
    ...(checkout === undefined ? {} : { checkout }),
  });
  return { side, client, processes: { server, worker }, rounds: [] };
}

async function measure({ client, processes }: Running, plan: ReturnType<typeof chainPlan>): Promise<Round> {
  const before = [processorMs(processes.server.pid), processorMs(processes.worker.pid)] as const;
  const times = await runChain(client, taskQueue, plan);
  const perStep = (pid: number, since: number) => round((processorMs(pid) - since) / plan.steps.length);
  return {
    times,
    cpuMs: {
      server: perStep(processes.server.pid, before[0]),
      worker: perStep(processes.worker.pid, before[1]),
    },
    load: round(loadavg()[0] ?? 0),
  };
}

/** Processor time of a process and its threads so far; 0 where the system does not tell. */
function processorMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10; // clock ticks are 10 ms on Linux
  } catch {
    return 0;
  }
}

/** A hook whose target is always as wished. */
async function startHook() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"state": "already", "summary": "as wished"}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, close };
}

/** What the hook call alone takes, so that it can be told from the orchestration. */
async function hookCallMs(url: string): Promise<number> {
  const calls = 200;
  const startedAt = performance.now();
  for (let call = 0; call < calls; call += 1) await (await fetch(url, { method: 'POST', body: '{}' })).json();
  return round((performance.now() - startedAt) / calls);
}

function report(running: readonly Running[], steps: number, hookMs: number, file: string | undefined): void {
  const sides = running.map(({ side, rounds }) => ({ name: side.name, ...summary(rounds) }));
  for (const { name, msPerStep, perStepMs, partsMs, cpuMs, roundsMs, eventsPerStep } of sides) {
    console.log(
      `${name}: ${msPerStep} ms per sequential step (p50 ${perStepMs.p50}, p95 ${perStepMs.p95}, max ${perStepMs.max}; ` +
        `rounds ${roundsMs.join(', ')}): activity ${partsMs.activity}, hand-over ${partsMs.handOver}, ` +
        `decision ${partsMs.decision}; ${eventsPerStep} events; processor: server ${cpuMs.server}, worker ${cpuMs.worker}`,
    );
  }
  const [lab] = sides;
  const result = {
    steps,
    goalMs,
    isReached: (lab?.msPerStep ?? Infinity) <= goalMs,
    hookCallMs: hookMs,
    load: running.flatMap(({ rounds }) => rounds.map(({ load }) => load)),
    sides,
  };
  console.log(
    `about ${hookMs} ms of it for the step's own call; goal ${goalMs} ms; load ${result.load.join(', ')}`,
  );
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

function summary(rounds: readonly Round[]) {
  const sorted = rounds.flatMap(({ times }) => times.step).sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  const part = (name: 'step' | 'activity' | 'handOver' | 'decision') =>
    mean(rounds.flatMap(({ times }) => times[name]));
  return {
    msPerStep: part('step'),
    perStepMs: { p50: at(0.5), p95: at(0.95), max: at(1) },
    roundsMs: rounds.map(({ times }) => mean(times.step)),
    eventsPerStep: mean(rounds.map(({ times }) => times.eventsPerStep)),
    partsMs: { activity: part('activity'), handOver: part('handOver'), decision: part('decision') },
    cpuMs: {
      server: mean(rounds.map(({ cpuMs }) => cpuMs.server)),
      worker: mean(rounds.map(({ cpuMs }) => cpuMs.worker)),
    },
  };
}

const mean = (values: readonly number[]): number =>
  round(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));

const round = (value: number): number => Math.round(value * 10) / 10;
