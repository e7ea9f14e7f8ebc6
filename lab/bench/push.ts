import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { figures, timesOf, type Figures, type RoundTimes } from './push-figures.ts';
import { openBench } from './open-bench.ts';
import { brokenByPush, endWith } from './promises.ts';
import { WrongArguments, wholeNumber } from '../tell-errors.ts';
import { startCenter, startPrimaries, startRig, type Rig, type RigOptions } from './push-rig.ts';

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
  /** The same in the first round, which is what a real failover is: nothing is compiled, every connection is the first. */
  readonly firstRound: Figures;
  /** The step knew of it; in stretches of 5 ms. */
  readonly acknowledged: Figures;
  /**
   * Consumers without the document 3 s after the publish, or that never acknowledged, over the first round and all that
   * count; in the percentiles they stand with 3 s.
   */
  readonly missing: number;
  /** Told, and no reason to fail: times on a busy machine are no promises. */
  readonly isGoalReached: boolean;
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
const goal = { appliedP9999Ms: 200, acknowledgedAfterMs: 500 };

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
  const wanted = targetsIn(values.targets);
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

/** @throws WrongArguments when one of them is none */
function targetsIn(words: string): readonly Target[] {
  const names = Object.keys(targets) as Target[];
  const asked = words.split(',').filter((word) => word !== '');
  const wrong = asked.filter((word) => !Object.hasOwn(targets, word));
  if (asked.length === 0 || wrong.length > 0)
    throw new WrongArguments(
      `--targets: expected some of ${names.join(',')}, saw "${wrong.join(',') || words}"`,
    );
  return names.filter((target) => asked.includes(target));
}

async function measure(
  target: Target,
  rig: Rig,
  { consumers, processes, ownConnections }: RigOptions,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
): Promise<TargetResult> {
  const first = timesOf(await rig.round(), consumers);
  for (let round = 1; round < warmUp; round += 1) timesOf(await rig.round(), consumers);
  const counted: RoundTimes[] = [];
  let directly = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const { outcome, events } = await rig.round();
    const times = timesOf({ outcome, events }, consumers);
    counted.push(times);
    directly += events.filter(({ via }) => via === 'collector').length;
    console.log(
      `${target} ${round}/${rounds}: published after ${times.publish} ms, handed after ${outcome.durationsMs['handed'] ?? '-'} ms, applied ${text(figures(times.applied))}; ${outcome.summary}`,
    );
  }
  const applied = figures(counted.flatMap((one) => one.applied));
  const acknowledged = figures(counted.flatMap((one) => one.acknowledged));
  const missing = [first, ...counted].reduce((sum, one) => sum + one.missing, 0);
  return {
    target,
    consumers,
    processes,
    connections: ownConnections ? 'one a consumer' : 'one a process',
    rounds,
    warmUpRounds: warmUp,
    ways: targets[target].useCollectors ? 'center and collectors' : 'center alone',
    publish: figures(counted.map(({ publish }) => publish)),
    missing,
    isGoalReached:
      applied.p9999 <= goal.appliedP9999Ms &&
      acknowledged.max <= goal.appliedP9999Ms + goal.acknowledgedAfterMs &&
      missing === 0,
    directly,
    firstRound: figures(first.applied),
    applied,
    acknowledged,
  };
}

const text = ({ p50, p99, p9999, max }: Figures) => `p50 ${p50}, p99 ${p99}, p99.99 ${p9999}, max ${max} ms`;

function report(results: readonly TargetResult[], load: number, file: string | undefined): void {
  for (const result of results) {
    const {
      target,
      consumers,
      rounds,
      ways,
      publish,
      applied,
      acknowledged,
      firstRound,
      missing,
      directly,
      isGoalReached,
    } = result;
    console.log(`\n${target}: ${consumers} consumers, ${rounds} rounds, by ${ways}`);
    console.log(`  taken by the center      ${text(publish)}`);
    console.log(`  publish to applied       ${text(applied)}`);
    console.log(`    in the first round     ${text(firstRound)}`);
    console.log(`  publish to acknowledged  ${text(acknowledged)}`);
    console.log(`  missing                  ${missing}; reached by the direct channel first: ${directly}`);
    console.log(
      `  goal ${isGoalReached ? 'reached' : 'not reached'} (applied p99.99 200 ms, acknowledged 500 ms later, none missing)`,
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
