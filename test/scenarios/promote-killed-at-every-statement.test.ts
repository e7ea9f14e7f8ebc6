import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { plannedPoints, pointName, unplannedPoints } from '../../domain/promotion/points.ts';
import type { StepInput } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import { attachReplica } from '../../lab/engines/topology.ts';
import {
  promote,
  startTestCluster,
  stepInput,
  type Engine,
  type TestCluster,
} from '../databases/test-cluster.ts';
import { startWriters, watchWritable } from '../databases/writers.ts';

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
          const primary = await killedWhenPlanned(cluster);
          await killedWhenUnplanned(cluster, primary);
        } finally {
          await cluster.close();
        }
      });
    }
  },
);

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

/** @returns who is the primary in the end */
async function killedWhenPlanned(cluster: TestCluster): Promise<string> {
  const writers = await startWriters(cluster, { clients: 4 });
  const watch = watchWritable(cluster);
  let primary = 'east-1';
  let epoch = 100;
  for (const { point, product } of products(cluster, plannedPoints, 'planned')) {
    epoch += 2;
    const input = stepInput(cluster.parameters(leaving(primary)), epoch);
    expect(await product(input), point).toBe('SIGKILL');
    const outcome = await promote(input);
    expect(['done', 'already'], `${point}: ${outcome.summary}`).toContain(outcome.status);
    expect(outcome.leftToDo ?? [], point).toEqual([]);
    primary = promotedIn(outcome.summary);
    expect((await promote(input)).status, point).toBe('already');
  }
  await sleep(200);
  await writers.stop();
  await watch.stop();
  for (const node of Object.keys(cluster.cluster.nodes))
    expect(await writers.missingOn(node), node).toEqual([]);
  expect(watch.twice).toEqual([]);
  expect(watch.looks).toBeGreaterThan(1_000);
  expect(writers.acknowledged).toBeGreaterThan(500);
  console.log(
    `${cluster.engine}, planned: ${plannedPoints.length} kills, ${writers.acknowledged} acknowledged, none lost, ${watch.looks} looks`,
  );
  return primary;
}

async function killedWhenUnplanned(cluster: TestCluster, first: string): Promise<void> {
  const watch = watchWritable(cluster);
  let primary = first;
  let epoch = 1_000;
  let acknowledged = 0;
  for (const { point, product } of products(cluster, unplannedPoints, 'unplanned')) {
    epoch += 2;
    const writers = await startWriters(cluster, { clients: 4, thinkMs: 1 });
    await sleep(120);
    await writers.stop(); // with a write under way the old primary would come back with a row that nobody has
    const dead = cluster.node(primary);
    dead.process.kill();
    await dead.process.gone();
    const input = stepInput(cluster.parameters(leaving(primary)), epoch, { style: 'forced' });
    expect(await product(input), point).toBe('SIGKILL');
    const outcome = await promote(input);
    expect(['done', 'already'], `${point}: ${outcome.summary}`).toContain(outcome.status);
    const promoted = promotedIn(outcome.summary);
    expect(await writers.missingOn(promoted), point).toEqual([]);
    acknowledged += writers.acknowledged;
    await dead.process.restart();
    const source = cluster.node(promoted);
    await attachReplica({ replica: dead, source, accounts: cluster.lab.accounts });
    primary = promoted;
  }
  await watch.stop();
  expect(watch.twice).toEqual([]);
  console.log(
    `${cluster.engine}, unplanned: ${unplannedPoints.length} kills, ${acknowledged} acknowledged, none lost, ${watch.looks} looks`,
  );
}
