import { spawn, type ChildProcess } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { obtainHaproxy } from '../engines/haproxy.ts';
import { endWithUs } from '../process/end-with-us.ts';
import { repositoryFile } from '../sites/start-worker.ts';
import { wholeNumber } from '../tell-errors.ts';
import { startAccessLayer, waitUntilServing, type AccessLayer } from './access-layer.ts';
import { judgeFlips, type FlipResult, type Side, type SidedFlip } from './flip-judge.ts';
import type { LoadOptions, LoadResult } from './flip-load.ts';
import { buckets, flipBare, flipByProduct, homes, inventoryOf, taskQueue, type Unit } from './flip-sides.ts';
import { openBench, type OpenBench } from './open-bench.ts';
import { startOrchestrator, type Orchestrator } from './orchestrator.ts';
import { brokenByFlip, endWith } from './promises.ts';

const betweenFlipsMs = 200;
const offeredPerSecond = 3_000;

/**
 * Moves 60 of 100 buckets to and fro under load: by the product's runbooks (claim, fence on every worker of every
 * gateway, drain, open, verify) through Temporal and the real worker, and by the agents' bare calls. Judged by the units' logs; fails unless nothing was
 * misrouted and no connection broke.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '20' }, json: { type: 'string' } },
  });
  const rounds = wholeNumber('--rounds', values.rounds, 1);

  const [loadBefore = 0] = loadavg();
  const bench = await openBench(console.log);
  try {
    const layer = await startLayer(bench);
    const orchestrator = await startOrchestrator({
      ...bench,
      taskQueue,
      inventory: inventoryOf(layer),
      runbooks: repositoryFile('runbooks'),
    });
    const load = startLoad({
      endpoints: layer.gateways.map((gateway) => gateway.endpoint),
      connections: 120,
      requestsPerSecond: offeredPerSecond,
      users: 3_000,
    });
    await waitUntilWritten(layer);
    const flips = await flipAll(layer, orchestrator, rounds);
    await orchestrator.client.connection.close();
    const loaded = await load.end();
    await Promise.all(Object.values(layer.units).map((unit) => unit.process.stop()));
    report(judgeFlips(layer, flips, loaded, { offeredPerSecond, loadBefore }), values.json);
  } finally {
    await bench.close();
  }
}

async function startLayer({ supervisor, ports }: OpenBench): Promise<AccessLayer> {
  const haproxy = await obtainHaproxy(console.log);
  const gateways = ['gw-1', 'gw-2', 'gw-3'];
  const layer = await startAccessLayer({ supervisor, ports, haproxy, gateways, units: homes, buckets });
  await waitUntilServing(layer.gateways, 1);
  return layer;
}

/**
 * A B B A: each side moves as often there as back, and slow changes of the machine hit both alike. The first four are not
 * counted: a worker has run before, and so have the agents.
 */
const order: readonly Side[] = ['bare', 'siteshift', 'siteshift', 'bare'];

async function flipAll(
  layer: AccessLayer,
  { client }: Orchestrator,
  rounds: number,
): Promise<readonly SidedFlip[]> {
  const flips: SidedFlip[] = [];
  let [from, to]: [Unit, Unit] = ['east', 'west'];
  for (let index = -order.length; index < 2 * rounds; index += 1) {
    const side = order[(index + order.length) % order.length] ?? 'bare';
    const move = { layer, from, to };
    const flip = await (side === 'bare' ? flipBare(move) : flipByProduct(move, client));
    if (index >= 0) flips.push({ side, ...flip });
    [from, to] = [to, from];
    await pause(betweenFlipsMs);
  }
  return flips;
}

/** Until the load is really there: on a busy machine its process may need a while. */
async function waitUntilWritten(layer: AccessLayer): Promise<void> {
  const isWritten = ({ logFile }: { readonly logFile: string }) => statSync(logFile).size > 100_000;
  for (let tries = 0; !Object.values(layer.units).every(isWritten); tries += 1) {
    if (tries === 600) throw new Error('the load does not reach the units within 60 s');
    await pause(100);
  }
}

function startLoad(options: LoadOptions): { end(): Promise<LoadResult> } {
  const child: ChildProcess = spawn(
    process.execPath,
    [resolve(import.meta.dirname, 'flip-load.ts'), JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  endWithUs(child);
  let text = '';
  child.stdout?.on('data', (part: Buffer) => (text += part.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    end: async () => {
      child.kill('SIGTERM');
      await ended;
      return JSON.parse(text) as LoadResult;
    },
  };
}

function report(result: FlipResult, file: string | undefined): void {
  console.log(JSON.stringify(result, null, 2));
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  if (!result.isLoadReached) {
    console.error(
      `flip: ${result.reachedPerSecond} of ${offeredPerSecond} requests/s were reached: the machine is too busy for these figures`,
    );
  }
  endWith('flip', brokenByFlip(result));
}
