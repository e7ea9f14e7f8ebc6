import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { StepOutcome } from '../../domain/step.ts';
import { openBench } from './open-bench.ts';
import { brokenByPush, endWith } from './promises.ts';
import { WrongArguments, wholeNumber } from '../tell-errors.ts';
import { startCenter, startPrimaries, startRig, type Rig, type RigOptions, type Round } from './push-rig.ts';

/** Times in ms from the moment in which the step began to publish; one clock, all on one host. */
interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly p9999: number;
  readonly max: number;
}

export interface TargetResult {
  readonly target: string;
  readonly consumers: number;
  readonly processes: number;
  /** To the config center. */
  readonly connections: 'one a process' | 'one a consumer';
  /** Counted ones, after those that only warm up. */
  readonly rounds: number;
  readonly warmUpRounds: number;
  /** Which ways documents go to consumers and acknowledgements come back. */
  readonly ways: 'center and collectors' | 'center alone';
  /** From the beginning of the publish until the center has taken it. */
  readonly publish: Figures;
  /** The new primary was proven and the pool swapped, at the consumer. */
  readonly applied: Figures;
  /** The same in the first round, which is not counted: every consumer opens its very first connection. */
  readonly firstRound: Figures;
  /** The step knew of it; in stretches of 5 ms. */
  readonly acknowledged: Figures;
  /** Consumers without the document 3 s after the publish, over all rounds. */
  readonly missing: number;
  /** Consumers that the document reached first by the collectors' direct channel. */
  readonly directly: number;
}

type Target = keyof typeof targets;

/** center-only: no collectors in the step, so no direct channel, and the registry alone acknowledges. cold: no warm standbys. */
const targets = {
  nacos: { kind: 'nacos', useCollectors: true, keepWarm: true },
  etcd: { kind: 'etcd', useCollectors: true, keepWarm: true },
  'nacos-center-only': { kind: 'nacos', useCollectors: false, keepWarm: true },
  'etcd-center-only': { kind: 'etcd', useCollectors: false, keepWarm: true },
  'etcd-cold': { kind: 'etcd', useCollectors: true, keepWarm: false },
} as const;
const goal = { appliedP9999Ms: 200, acknowledgedAfterMs: 500, missing: 0 };

/** Real followers in several processes, real servers that they prove; the publisher is the product's own step. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      consumers: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '5' },
      warmup: { type: 'string', default: '5' },
      // One a processor: more of them only compile the same code once more.
      processes: { type: 'string', default: String(Math.max(2, cpus().length)) },
      'own-connections': { type: 'boolean', default: false },
      targets: { type: 'string', default: Object.keys(targets).join(',') },
      json: { type: 'string' },
    },
  });
  const count = (option: 'consumers' | 'rounds' | 'processes' | 'warmup') =>
    wholeNumber(`--${option}`, values[option], 1, 10_000);
  const [consumers, rounds, processes, warmUp] = [
    count('consumers'),
    count('rounds'),
    count('processes'),
    count('warmup'),
  ];
  const names = Object.keys(targets) as Target[];
  const wanted = names.filter((target) => values.targets.split(',').includes(target));
  if (wanted.length === 0) {
    throw new WrongArguments(`--targets: expected some of ${names.join(',')}, saw ${values.targets}`);
  }
  const [load = 0] = loadavg();
  const bench = await openBench(console.log);
  const options: RigOptions = {
    ...bench,
    say: console.log,
    consumers,
    processes,
    ownConnections: values['own-connections'],
  };
  try {
    const servers = await startPrimaries(options);
    const centers = new Map<string, Awaited<ReturnType<typeof startCenter>>>();
    const results: TargetResult[] = [];
    for (const target of wanted) {
      const { kind, ...how } = targets[target];
      const center = centers.get(kind) ?? (await startCenter(kind, options));
      centers.set(kind, center);
      const rig = await startRig(target, center, servers, { ...options, ...how });
      results.push(await measure(target, rig, options, { rounds, warmUp }));
      await rig.end();
    }
    report(results, load, values.json);
    endWith('push', brokenByPush(results));
  } finally {
    await bench.close();
  }
}

async function measure(
  target: Target,
  rig: Rig,
  { consumers, processes, ownConnections }: RigOptions,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
): Promise<TargetResult> {
  const first = await rig.round();
  if (first.outcome.status !== 'done') throw new Error(`${target}: ${first.outcome.summary}`);
  for (let round = 1; round < warmUp; round += 1) {
    const { outcome } = await rig.round();
    if (outcome.status !== 'done') throw new Error(`${target}: ${outcome.summary}`);
  }
  const publish: number[] = [];
  const applied: number[] = [];
  const acknowledged: number[] = [];
  let [missing, directly] = [0, 0];
  for (let round = 1; round <= rounds; round += 1) {
    const { outcome, events } = await rig.round();
    const { distribution } = acknowledgementsOf(outcome);
    const times = appliedAfter({ outcome, events });
    const inTime = times.filter((ms) => ms <= 3_000);
    publish.push(outcome.durationsMs['publish'] ?? Number.NaN);
    applied.push(...inTime);
    acknowledged.push(...distribution.flatMap(([ms, count]) => Array.from({ length: count }, () => ms)));
    missing += consumers - inTime.length;
    directly += events.filter(({ via }) => via === 'collector').length;
    console.log(
      `${target} ${round}/${rounds}: published after ${outcome.durationsMs['publish'] ?? 0} ms, handed after ${outcome.durationsMs['handed'] ?? '-'} ms, applied ${text(figures(inTime))}; ${outcome.summary}`,
    );
  }
  return {
    target,
    consumers,
    processes,
    connections: ownConnections ? 'one a consumer' : 'one a process',
    rounds,
    warmUpRounds: warmUp,
    ways: targets[target].useCollectors ? 'center and collectors' : 'center alone',
    publish: figures(publish),
    missing,
    directly,
    firstRound: figures(appliedAfter(first)),
    applied: figures(applied),
    acknowledged: figures(acknowledged),
  };
}

/** ms from the publish to each swap. */
function appliedAfter({ outcome, events }: Round): readonly number[] {
  const { publishedAt } = acknowledgementsOf(outcome);
  return events.map(({ appliedAt }) => appliedAt - publishedAt);
}

function acknowledgementsOf(outcome: StepOutcome) {
  const fact = outcome.evidence.find(({ what }) => what === 'acknowledgements');
  if (fact === undefined) throw new Error(`the step tells nothing of acknowledgements: ${outcome.summary}`);
  return fact.value as unknown as {
    readonly publishedAt: number;
    readonly distribution: readonly (readonly [number, number])[];
  };
}

function figures(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), p9999: at(0.9999), max: at(1) };
}

const text = ({ p50, p99, p9999, max }: Figures) => `p50 ${p50}, p99 ${p99}, p99.99 ${p9999}, max ${max} ms`;

function report(results: readonly TargetResult[], load: number, file: string | undefined): void {
  for (const result of results) {
    const { target, consumers, rounds, ways, publish, applied, acknowledged, firstRound, missing, directly } =
      result;
    console.log(`\n${target}: ${consumers} consumers, ${rounds} rounds, by ${ways}`);
    console.log(`  taken by the center      ${text(publish)}`);
    console.log(`  publish to applied       ${text(applied)}`);
    console.log(`    in the first round     ${text(firstRound)}`);
    console.log(`  publish to acknowledged  ${text(acknowledged)}`);
    console.log(`  missing after 3 s        ${missing}; reached by the direct channel first: ${directly}`);
    const isReached =
      applied.p9999 <= goal.appliedP9999Ms &&
      acknowledged.max <= goal.appliedP9999Ms + goal.acknowledgedAfterMs &&
      missing <= goal.missing;
    console.log(
      `  goal ${isReached ? 'reached' : 'not reached'} (applied p99.99 200 ms, acknowledged 500 ms later, none missing)`,
    );
  }
  for (const kind of ['nacos', 'etcd'] as const) {
    const both = results.find(({ target }) => target === kind)?.applied;
    const alone = results.find(({ target }) => target === `${kind}-center-only`)?.applied;
    if (both === undefined || alone === undefined) continue;
    console.log(
      `\n${kind} alone: applied p50 ${alone.p50}, p99.99 ${alone.p9999} ms; with the collectors' channel beside it p50 ${both.p50}, p99.99 ${both.p9999} ms`,
    );
  }
  const processors = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`;
  console.log(
    `\non ${processors}, load average ${load.toFixed(1)} before: everything runs on them, so others' work counts`,
  );
  if (file !== undefined)
    writeFileSync(
      file,
      `${JSON.stringify(
        results.map((result) => ({ ...result, loadBefore: load, processors: cpus().length })),
        undefined,
        2,
      )}\n`,
    );
}
