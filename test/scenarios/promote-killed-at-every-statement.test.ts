import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { plannedPoints, pointName, unplannedPoints } from '../../domain/promotion/points.ts';
import type { Json } from '../../domain/json.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import { attachReplica } from '../../lab/engines/topology.ts';
import {
  promote,
  startTestCluster,
  stepInput,
  type Engine,
  type TestCluster,
} from '../databases/test-cluster.ts';
import { startWriters, watchWritable, type Writers } from '../databases/writers.ts';

type Input = StepInput<PromoteDatabaseParameters>;

/** The product in its own process, killed by SIGKILL at one point; waits on stdin, so that it can be started ahead. */
function startProduct(cluster: TestCluster, point: string, name: string) {
  const marker = join(cluster.folder, `marker-${name}`);
  const stops = JSON.stringify([{ point: pointName(point), marker }]);
  const child = spawn(process.execPath, ['worker/run-step.ts', 'promoteDatabase'], {
    env: { ...process.env, SITESHIFT_STOP_AT: stops },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return async (input: Input): Promise<string> => {
    child.stdin.end(JSON.stringify(input));
    const [code, signal] = await ended;
    return signal ?? `ended with code ${code} without coming to ${point}: ${said}`;
  };
}

const promotedIn = (summary: string): string =>
  /: ([a-z]+-\d) is primary at/.exec(summary)?.[1] ?? `nobody: ${summary}`;

// Both engines at once: most of the time goes into waiting for processes and disks.
describe.concurrent(
  'promoteDatabase, killed before and after every statement, goes on when it is run again',
  () => {
    for (const engine of ['mariadb', 'mysql'] as const satisfies readonly Engine[]) {
      it(`on ${engine}`, async () => {
        const cluster = await startTestCluster(engine, 'semisync');
        try {
          const planned = await killedWhenPlanned(cluster);
          expect(planned).toMatchObject({ points: plannedPoints, problems: [], writableTwice: [], lost: [] });
          expect(planned.looks).toBeGreaterThan(1_000);
          expect(planned.acknowledged).toBeGreaterThan(20 * plannedPoints.length);
          const unplanned = await killedWhenUnplanned(cluster, planned.primary);
          expect(unplanned).toMatchObject({
            points: unplannedPoints,
            problems: [],
            writableTwice: [],
            lost: [],
          });
          expect(unplanned.acknowledged).toBeGreaterThan(20 * unplannedPoints.length - 1);
          for (const [kind, run] of Object.entries({ planned, unplanned }))
            console.log(
              `${engine}, ${kind}: ${run.points.length} kills, ${run.acknowledged} acknowledged, ${run.looks} looks, ${run.seconds} s`,
            );
        } finally {
          await cluster.close();
        }
      });
    }
  },
);

interface Ordeal {
  readonly primary: string;
  /** Points at which it was killed. */
  readonly points: readonly string[];
  readonly problems: readonly string[];
  readonly writableTwice: readonly string[];
  readonly lost: readonly string[];
  readonly looks: number;
  readonly acknowledged: number;
  readonly seconds: number;
}

/** Starts the next process while this one works: starting Node is most of what a kill costs. */
function* products(cluster: TestCluster, points: readonly string[], phase: string) {
  let next = startProduct(cluster, points[0] ?? '', `${phase}-0`);
  for (const [index, point] of points.entries()) {
    const product = next;
    const following = points[index + 1];
    if (following !== undefined) next = startProduct(cluster, following, `${phase}-${index + 1}`);
    yield { point, product };
  }
}

const leaving = (primary: string) =>
  primary === 'east-1'
    ? { primary, fromSite: 'east', toSite: 'west' }
    : { primary, fromSite: 'west', toSite: 'east' };

/** What the report must say of a promotion, whichever attempt is the first that lives to tell it. */
interface Told {
  readonly leftToDo: readonly RegExp[];
  /** Evidence by its name, and how its value begins. */
  readonly evidence: { readonly [what: string]: RegExp };
}

const whenPlanned: Told = {
  leftToDo: [],
  evidence: { 'candidate holds exactly the freeze position': /./, 'promotion position': /./ },
};

const whenUnplanned: Told = {
  leftToDo: [/^[a-z]+-\d could not be reached: end its process with SIGKILL/],
  evidence: {
    fence: /^proven: /,
    loss: /^no acknowledged transaction is lost: by construction/,
    'promotion position': /./,
  },
};

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** What an outcome does not say although it must, or says although it must not. */
function untold({ evidence, leftToDo = [] }: StepOutcome, told: Told): readonly string[] {
  const unproven = Object.entries(told.evidence).filter(
    ([name, value]) => !evidence.some((one) => one.what === name && value.test(textOf(one.value))),
  );
  const isAsExpected =
    leftToDo.length === told.leftToDo.length &&
    told.leftToDo.every((sentence, index) => sentence.test(leftToDo[index] ?? ''));
  return [
    ...unproven.map(([name]) => `no evidence of: ${name}`),
    ...(isAsExpected ? [] : [`left to do: ${leftToDo.join('; ') || 'nothing'}`]),
  ];
}

/** Killed, run again: it is done; a third run says already; both say all that the killed attempt would have said. */
async function killedOnce(
  point: string,
  product: (input: Input) => Promise<string>,
  input: Input,
  told: Told,
): Promise<{ readonly primary: string; readonly problem?: string }> {
  const end = await product(input);
  if (end !== 'SIGKILL') return { primary: '', problem: `${point}: ${end}` };
  const outcome = await promote(input);
  const primary = promotedIn(outcome.summary);
  const again = await promote(input);
  const problems = [
    ...(['done', 'already'].includes(outcome.status) ? [] : [`${outcome.status}, ${outcome.summary}`]),
    ...untold(outcome, told),
    ...(again.status === 'already' ? [] : [`third run: ${again.status}, ${again.summary}`]),
    ...untold(again, told).map((problem) => `third run: ${problem}`),
  ];
  return problems.length === 0 ? { primary } : { primary, problem: `${point}: ${problems.join('; ')}` };
}

async function killedWhenPlanned(cluster: TestCluster): Promise<Ordeal> {
  const startedAt = Date.now();
  const writers = await startWriters(cluster, { clients: 4, thinkMs: 20 });
  const watch = watchWritable(cluster);
  const points: string[] = [];
  const problems: string[] = [];
  const lost: string[] = [];
  let primary = 'east-1';
  for (const { point, product } of products(cluster, plannedPoints, 'planned')) {
    const input = stepInput(cluster.parameters(leaving(primary)), 100 + 2 * points.push(point));
    const { primary: promoted, problem } = await killedOnce(point, product, input, whenPlanned);
    if (problem !== undefined) problems.push(problem);
    if (problem !== undefined) break;
    primary = promoted;
    // At once, so that nothing can be brought along later; whatever is missing names where it got lost.
    lost.push(...(await writers.missingOn(primary)).map((row) => `${row} on ${primary}, killed ${point}`));
    await writers.reach(writers.acknowledged + 20);
  }
  await writers.stop();
  await watch.stop();
  lost.push(...(await writers.missingOn(primary)), ...(await missingOnStandbys(cluster, primary, writers)));
  const { acknowledged } = writers;
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  return {
    primary,
    points,
    problems,
    writableTwice: watch.twice,
    lost,
    looks: watch.looks,
    acknowledged,
    seconds,
  };
}

/** One standby is enough for an acknowledgement: the others may need a moment, but must come to hold everything. */
async function missingOnStandbys(cluster: TestCluster, primary: string, writers: Writers): Promise<string[]> {
  const deadline = Date.now() + 15_000;
  const standbys = Object.keys(cluster.cluster.nodes).filter((node) => node !== primary);
  for (;;) {
    const missing = (await Promise.all(standbys.map((node) => writers.missingOn(node)))).flat();
    if (missing.length === 0 || Date.now() > deadline) return missing;
    await sleep(100);
  }
}

async function killedWhenUnplanned(cluster: TestCluster, first: string): Promise<Ordeal> {
  const startedAt = Date.now();
  const watch = watchWritable(cluster);
  const points: string[] = [];
  const problems: string[] = [];
  const lost: string[] = [];
  let acknowledged = 0;
  let primary = first;
  for (const { point, product } of products(cluster, unplannedPoints, 'unplanned')) {
    const writers = await startWriters(cluster, { clients: 4, thinkMs: 1 });
    await writers.reach(20);
    await writers.stop(); // with a write under way the old primary would come back with a row that nobody has
    acknowledged += writers.acknowledged;
    const dead = cluster.node(primary);
    dead.process.kill();
    await dead.process.gone();
    const epoch = 1_000 + 2 * points.push(point);
    const input = stepInput(cluster.parameters(leaving(primary)), epoch, { style: 'forced' });
    const { primary: promoted, problem } = await killedOnce(point, product, input, whenUnplanned);
    if (problem !== undefined) problems.push(problem);
    if (problem !== undefined) break;
    lost.push(...(await writers.missingOn(promoted)).map((row) => `${row} on ${promoted}, killed ${point}`));
    await dead.process.restart();
    const source = cluster.node(promoted);
    await attachReplica({ replica: dead, source, accounts: cluster.lab.accounts });
    primary = promoted;
  }
  await watch.stop();
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  return {
    primary,
    points,
    problems,
    writableTwice: watch.twice,
    lost,
    looks: watch.looks,
    acknowledged,
    seconds,
  };
}
