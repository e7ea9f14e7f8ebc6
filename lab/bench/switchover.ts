import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import type { StepOutcome } from '../../domain/step.ts';
import { endWithUs } from '../process/end-with-us.ts';
import { startCluster, type LabCluster } from '../sites/start-databases.ts';
import { openBench } from './open-bench.ts';
import { brokenBySwitchover, endWith } from './promises.ts';
import { WrongArguments, wholeNumber } from '../tell-errors.ts';
import { bareInput, stepInput, type Move } from './switchover-inputs.ts';
import { startWritingClients, type WritingClients } from './writing-clients.ts';

export interface Spread {
  readonly p25: number;
  readonly p50: number;
  readonly p75: number;
  readonly max: number;
}
export interface SwitchoverFigures {
  readonly freezeToOpenMs: Spread;
  readonly clientGapMs: Spread;
}
export interface SwitchoverResult {
  readonly engine: 'mysql' | 'mariadb';
  readonly rounds: number;
  readonly floor: SwitchoverFigures;
  readonly siteshift: SwitchoverFigures;
  /** Client gap, p50 of siteshift over p50 of the bare statements. */
  readonly ratio: number;
  /** Whether the ratio is at most 1.3; told, and no reason to fail. */
  readonly isGoalReached: boolean;
  /** Median over the changes of siteshift divided by their bare neighbours: of use where the machine got slower meanwhile. */
  readonly ratioOfPairs: number;
  /** Load average over one minute when it began, and when it ended. */
  readonly load: readonly [number, number];
  readonly acknowledgedWrites: number;
  readonly lostWrites: number;
}

interface Sample {
  readonly freezeToOpenMs: number;
  readonly clientGapMs: number;
}
type Variant = 'floor' | 'siteshift';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '10' },
      json: { type: 'string' },
      engine: { type: 'string' },
    },
  });
  const rounds = wholeNumber('--rounds', values.rounds, 1);
  const engines = (['mariadb', 'mysql'] as const).filter(
    (engine) => values.engine === undefined || values.engine === engine,
  );
  if (engines.length === 0)
    throw new WrongArguments(`--engine: expected mariadb or mysql, saw "${values.engine}"`);
  await benchSwitchover({ rounds, engines, ...(values.json === undefined ? {} : { json: values.json }) });
}

const WARM_UPS = 4;
/** On the clients' write gap. */
const goalRatio = 1.3;

/** Planned switchovers of one cluster after the other, by bare statements and by the product, in alternation. */
export async function benchSwitchover(options: {
  readonly rounds: number;
  readonly json?: string;
  readonly engines?: readonly SwitchoverResult['engine'][];
}): Promise<readonly SwitchoverResult[]> {
  const results: SwitchoverResult[] = [];
  for (const engine of options.engines ?? (['mariadb', 'mysql'] as const))
    results.push(await benchEngine(engine, options.rounds));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  for (const { engine, floor, siteshift, ratio, isGoalReached, ratioOfPairs, lostWrites } of results)
    console.log(
      `${engine}: client gap p50 ${siteshift.clientGapMs.p50} ms (bare ${floor.clientGapMs.p50}), ratio ${ratio} (goal ${goalRatio} ${isGoalReached ? 'reached' : 'not reached'}), of neighbours ${ratioOfPairs}; freeze to open p50 ${siteshift.freezeToOpenMs.p50} ms (bare ${floor.freezeToOpenMs.p50}); lost ${lostWrites}`,
    );
  endWith('switchover', brokenBySwitchover(results));
  return results;
}

async function benchEngine(engine: SwitchoverResult['engine'], rounds: number): Promise<SwitchoverResult> {
  const say = (line: string) => console.log(line);
  const { supervisor, ports, folder, close } = await openBench(say);
  try {
    const name = engine === 'mysql' ? 'orders' : 'payments';
    const cluster = await startCluster({
      supervisor,
      ports,
      folder,
      say,
      name,
      engine,
      durability: 'semisync',
    });
    return await measure(cluster, folder, rounds);
  } finally {
    await close();
  }
}

async function measure(cluster: LabCluster, folder: string, rounds: number): Promise<SwitchoverResult> {
  const [east = '', west = ''] = cluster.nodes.keys();
  const clients = await startWritingClients(cluster, east);
  const samples: Record<Variant, Sample[]> = { floor: [], siteshift: [] };
  let [from, to] = [east, west];
  // A B B A: each variant goes as often there as back, and slow changes of the machine hit both alike.
  const order: readonly Variant[] = ['floor', 'siteshift', 'siteshift', 'floor'];
  const loadBefore = loadNow();
  await sleep(1_000);
  for (let change = -WARM_UPS; change < 2 * rounds; change += 1) {
    const variant = order[(change + WARM_UPS) % 4] ?? 'floor';
    const sample = await changeOver({ cluster, folder, clients, variant, from, to, epoch: 100 + change });
    if (change >= 0) samples[variant].push(sample);
    console.log(
      `${cluster.engine} ${variant} ${from} -> ${to}: frozen ${sample.freezeToOpenMs.toFixed(1)} ms, client gap ${sample.clientGapMs.toFixed(1)} ms`,
    );
    [from, to] = [to, from];
  }
  await clients.stop();
  const [floor, siteshift] = [figures(samples.floor), figures(samples.siteshift)];
  const ratio = round2(siteshift.clientGapMs.p50 / floor.clientGapMs.p50);
  return {
    engine: cluster.engine,
    rounds,
    floor,
    siteshift,
    ratio,
    isGoalReached: ratio <= goalRatio,
    ratioOfPairs: spread(
      samples.siteshift.map(
        ({ clientGapMs }, index) => clientGapMs / (samples.floor[index]?.clientGapMs ?? Number.NaN),
      ),
    ).p50,
    load: [loadBefore, loadNow()],
    acknowledgedWrites: clients.acknowledged,
    lostWrites: await clients.lostOn(from),
  };
}

interface Change extends Move {
  readonly clients: WritingClients;
  readonly variant: Variant;
}

/** Both variants run in a process of their own that has loaded its modules before the clock matters. */
async function changeOver(change: Change): Promise<Sample> {
  const { variant, clients } = change;
  const script =
    variant === 'floor' ? ['lab/bench/bare-switchover.ts'] : ['worker/run-step.ts', 'promoteDatabase'];
  const child = endWithUs(spawn(process.execPath, script, { stdio: ['pipe', 'pipe', 'inherit'] }));
  const answer = text(child.stdout);
  const ended = once(child, 'exit');
  await untilIdle(child.pid);
  const startedAt = performance.now();
  child.stdin.end(JSON.stringify(variant === 'floor' ? bareInput(change) : stepInput(change)));
  await ended;
  const printed = await answer;
  const endedAt = performance.now();
  await sleep(700); // a late client would show here
  const freezeToOpenMs = variant === 'floor' ? bareResult(printed) : productResult(printed);
  return { freezeToOpenMs, clientGapMs: clients.gapBetween(startedAt, endedAt) };
}

/** Until the process has begun to wait for its input: it has used processor time, and uses no more. */
async function untilIdle(pid: number | undefined): Promise<void> {
  const used = () => {
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const fields = rest.split(' ');
    return Number(fields[11]) + Number(fields[12]); // utime and stime, in ticks
  };
  for (let before = -1; before < 5 || before !== used();) {
    before = used();
    await sleep(400);
  }
}

const bareResult = (printed: string): number =>
  (JSON.parse(printed) as { freezeToOpenMs: number }).freezeToOpenMs;

function productResult(printed: string): number {
  const outcome = JSON.parse(printed) as StepOutcome;
  const frozen = outcome.durationsMs['freezeToOpen'];
  if (outcome.status !== 'done' || frozen === undefined)
    throw new Error(`expected a promotion that is done, seen ${outcome.status}: ${outcome.summary}`);
  return frozen;
}

function figures(samples: readonly Sample[]): SwitchoverFigures {
  return {
    freezeToOpenMs: spread(samples.map((sample) => sample.freezeToOpenMs)),
    clientGapMs: spread(samples.map((sample) => sample.clientGapMs)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => {
    const place = part * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    const above = sorted[Math.ceil(place)] ?? Number.NaN;
    return round2(below + (above - below) * (place % 1));
  };
  return { p25: at(0.25), p50: at(0.5), p75: at(0.75), max: at(1) };
}

const loadNow = (): number => round2(loadavg()[0] ?? 0);

const round2 = (value: number): number => Math.round(value * 100) / 100;
