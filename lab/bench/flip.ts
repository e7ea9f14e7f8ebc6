import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fencedTable, type RoutingTable } from '../../domain/routing.ts';
import { stampRules } from '../../domain/rules-digest.ts';
import { obtainHaproxy } from '../engines/haproxy.ts';
import { endWithUs } from '../process/end-with-us.ts';
import { findMisrouted, type CommittedWrite } from '../writer/oracle.ts';
import { startAccessLayer, waitUntilServing, type AccessLayer } from './access-layer.ts';
import { drainEverywhere, enforceEverywhere, promiseEverywhere } from './agent-calls.ts';
import { openBench } from './open-bench.ts';
import type { LoadOptions, LoadResult } from './flip-load.ts';

const usage = 'npm run bench -- flip [--rounds N] [--json FILE]';
const domain = 'shop';
const buckets = 100;
const movedBuckets = 60;
const betweenRoundsMs = 200;
const offeredPerSecond = 3_000;
/** Below this share of what was offered the figures are those of a lighter load. */
const reachedShare = 0.95;

interface Flip {
  readonly fenceMs: number;
  readonly drainMs: number;
  readonly openMs: number;
  readonly epoch: number;
}

/**
 * Moves 60 of 100 buckets to and fro under load, by the agents' own interface: fence on every worker of every
 * gateway, drain, open. Judged by the units' logs; fails unless nothing was misrouted and no connection broke.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '30' }, json: { type: 'string' } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`${usage}: --rounds expects a whole number above 0, seen "${values.rounds}"`);

  const [loadBefore = 0] = loadavg();
  const { supervisor, ports, close } = await openBench(console.log);
  try {
    const haproxy = await obtainHaproxy(console.log);
    const layer = await startAccessLayer({
      supervisor,
      ports,
      haproxy,
      gateways: ['gw-1', 'gw-2', 'gw-3'],
      units: { east: `0-${movedBuckets - 1}`, west: `${movedBuckets}-${buckets - 1}` },
      buckets,
    });
    await waitUntilServing(layer.gateways, 1);
    const load = startLoad({
      endpoints: layer.gateways.map((gateway) => gateway.endpoint),
      connections: 120,
      requestsPerSecond: offeredPerSecond,
      users: 3_000,
    });
    await waitUntilWritten(layer);
    const flips: Flip[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      flips.push(await flip(layer, round));
      await pause(betweenRoundsMs);
    }
    const loaded = await load.end();
    await Promise.all(Object.values(layer.units).map((unit) => unit.process.stop()));
    report(judge(layer, flips, loaded, loadBefore), values.json);
  } finally {
    await close();
  }
}

async function flip(layer: AccessLayer, round: number): Promise<Flip> {
  const epoch = round * 2;
  const [from, to] = round % 2 === 1 ? ['east', 'west'] : ['west', 'east'];
  const table = (unit: string): RoutingTable =>
    Array.from({ length: buckets }, (_, bucket) => ({
      unit: bucket < movedBuckets ? unit : 'west',
      state: 'open',
    }));
  const base = { domain, operation: `flip-${round}`, members: layer.gateways.map((gateway) => gateway.name) };
  await promiseEverywhere(layer.gateways, { domain, epoch, operation: base.operation });
  const startedAt = performance.now();
  const fence = fencedTable(table(from), table(to));
  await enforceEverywhere(layer.gateways, stampRules({ ...base, epoch, table: fence }));
  const fencedAt = performance.now();
  await drainEverywhere(layer.gateways, from, 1_000);
  const drainedAt = performance.now();
  await enforceEverywhere(layer.gateways, stampRules({ ...base, epoch: epoch + 1, table: table(to) }));
  return {
    epoch,
    fenceMs: fencedAt - startedAt,
    drainMs: drainedAt - fencedAt,
    openMs: performance.now() - drainedAt,
  };
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

interface Result {
  readonly rounds: number;
  readonly misrouted: number;
  readonly connectionErrors: number;
  readonly fenced: number;
  readonly requests: number;
  readonly accepted: number;
  /** 503s that were not the fence's, and answers of another kind. */
  readonly otherRefusals: number;
  readonly offeredPerSecond: number;
  readonly reachedPerSecond: number;
  /** Whether the load was really there; otherwise the machine was too busy for these figures to say much. */
  readonly isLoadReached: boolean;
  /** From the moment in which a write was due, refused ones included. */
  readonly latencyMs: LoadResult['latencyMs'];
  readonly loadBefore: number;
  /** Between the last write of a moved bucket at the old unit and the first one of any moved bucket at the new. */
  readonly gapMs: Spread;
  readonly fenceMs: Spread;
  readonly drainMs: Spread;
  readonly openMs: Spread;
  readonly examples: readonly string[];
}
interface Spread {
  readonly p50: number;
  readonly max: number;
}

type UnitWrite = Omit<CommittedWrite, 'datasource'> & { readonly sentTo: string };

function judge(layer: AccessLayer, flips: readonly Flip[], loaded: LoadResult, loadBefore: number): Result {
  const writes = Object.values(layer.units)
    .flatMap(({ logFile }) => readFileSync(logFile, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as UnitWrite)
    .sort((a, b) => a.at - b.at);
  if (writes.length !== loaded.accepted) {
    throw new Error(
      `the units logged ${writes.length} writes, the users were told of ${loaded.accepted}: the oracle would be wrong`,
    );
  }
  const misrouted = [
    ...findMisrouted(
      writes.map((write) => ({ ...write, datasource: '' })),
      buckets,
    ),
    ...writes
      .filter((write) => write.sentTo !== write.unit)
      .map((write) => `for another unit: ${JSON.stringify(write)}`),
  ];
  const moved = writes.filter((write) => write.bucket < movedBuckets);
  const gaps = flips.map(({ epoch }) => {
    const before = moved.findLast((write) => write.epoch < epoch);
    const after = moved.find((write) => write.epoch > epoch);
    if (before === undefined || after === undefined) throw new Error(`no writes around epoch ${epoch}`);
    return after.at - before.at;
  });
  return {
    rounds: flips.length,
    misrouted: misrouted.length,
    connectionErrors: loaded.connectionErrors,
    fenced: loaded.fenced,
    requests: loaded.requests,
    accepted: loaded.accepted,
    otherRefusals: loaded.refused + loaded.otherStatus,
    offeredPerSecond,
    reachedPerSecond: Math.round(loaded.requests / loaded.seconds),
    isLoadReached: loaded.requests / loaded.seconds >= offeredPerSecond * reachedShare,
    latencyMs: loaded.latencyMs,
    loadBefore,
    gapMs: spread(gaps),
    fenceMs: spread(flips.map((one) => one.fenceMs)),
    drainMs: spread(flips.map((one) => one.drainMs)),
    openMs: spread(flips.map((one) => one.openMs)),
    examples: [...misrouted.slice(0, 5), ...loaded.errors],
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => Math.round((sorted[index] ?? 0) * 10) / 10;
  return { p50: at(Math.floor((sorted.length - 1) / 2)), max: at(sorted.length - 1) };
}

function report(result: Result, file: string | undefined): void {
  console.log(JSON.stringify(result, null, 2));
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  if (!result.isLoadReached) {
    console.error(
      `flip: ${result.reachedPerSecond} of ${offeredPerSecond} requests/s were reached: the machine is too busy for these figures`,
    );
  }
  if (result.misrouted === 0 && result.connectionErrors === 0) return;
  console.error(
    `flip: expected 0 misrouted writes and 0 connection errors, seen ${result.misrouted} and ${result.connectionErrors}`,
  );
  process.exitCode = 1;
}
