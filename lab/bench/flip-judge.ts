import { readFileSync } from 'node:fs';
import { misroutedCommits } from '../writer/misrouted.ts';
import type { CommittedWrite } from '../writer/oracle.ts';
import type { AccessLayer } from './access-layer.ts';
import type { LoadResult } from './flip-load.ts';
import { buckets, movedBuckets, type Flip } from './flip-sides.ts';

export type Side = 'bare' | 'siteshift';
export type SidedFlip = Flip & { readonly side: Side };

interface Spread {
  readonly p50: number;
  readonly max: number;
}

export interface SideFigures {
  readonly flips: number;
  /** Between the last write of a moved bucket at the old unit and the first one of any moved bucket at the new. */
  readonly gapMs: Spread;
  readonly fenceMs: Spread;
  readonly drainMs: Spread;
  readonly openMs: Spread;
}

export interface FlipResult {
  /** Of each side. */
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
  readonly bare: SideFigures;
  readonly siteshift: SideFigures;
  /** Gap, p50 of siteshift over p50 of the bare calls. */
  readonly ratio: number;
  readonly examples: readonly string[];
}

type UnitWrite = Omit<CommittedWrite, 'datasource'> & { readonly sentTo: string };

/** Below this share of what was offered the figures are those of a lighter load. */
const reachedShare = 0.95;

/** By the units' own logs: who wrote what, and when. @throws Error when they do not hold what users were told of */
export function judgeFlips(
  layer: AccessLayer,
  flips: readonly SidedFlip[],
  loaded: LoadResult,
  { offeredPerSecond, loadBefore }: Pick<FlipResult, 'offeredPerSecond' | 'loadBefore'>,
): FlipResult {
  const writes = readWrites(layer);
  if (writes.length !== loaded.accepted)
    throw new Error(
      `the units logged ${writes.length} writes, the users were told of ${loaded.accepted}: the oracle would be wrong`,
    );
  const misrouted = misroutedIn(writes);
  const moved = writes.filter((write) => write.bucket < movedBuckets);
  const of = (side: Side) =>
    figures(
      flips.filter((flip) => flip.side === side),
      moved,
    );
  const [bare, siteshift] = [of('bare'), of('siteshift')];
  const reachedPerSecond = loaded.requests / loaded.seconds;
  return {
    rounds: bare.flips,
    misrouted: misrouted.length,
    connectionErrors: loaded.connectionErrors,
    fenced: loaded.fenced,
    requests: loaded.requests,
    accepted: loaded.accepted,
    otherRefusals: loaded.refused + loaded.otherStatus,
    offeredPerSecond,
    reachedPerSecond: Math.round(reachedPerSecond),
    isLoadReached: reachedPerSecond >= offeredPerSecond * reachedShare,
    latencyMs: loaded.latencyMs,
    loadBefore,
    bare,
    siteshift,
    ratio: Math.round((siteshift.gapMs.p50 / bare.gapMs.p50) * 100) / 100,
    examples: [...misrouted.slice(0, 5), ...loaded.errors],
  };
}

const readWrites = (layer: AccessLayer): readonly UnitWrite[] =>
  Object.values(layer.units)
    .flatMap(({ logFile }) => readFileSync(logFile, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as UnitWrite)
    .sort((a, b) => a.at - b.at);

const misroutedIn = (writes: readonly UnitWrite[]): readonly string[] => [
  ...misroutedCommits(
    writes.map((write) => ({ ...write, datasource: '' })),
    buckets,
  ).map(({ words }) => words),
  ...writes
    .filter((write) => write.sentTo !== write.unit)
    .map((write) => `for another unit: ${JSON.stringify(write)}`),
];

function figures(flips: readonly SidedFlip[], moved: readonly UnitWrite[]): SideFigures {
  const gaps = flips.map(({ epoch }) => {
    const before = moved.findLast((write) => write.epoch < epoch);
    const after = moved.find((write) => write.epoch > epoch);
    if (before === undefined || after === undefined) throw new Error(`no writes around epoch ${epoch}`);
    return after.at - before.at;
  });
  return {
    flips: flips.length,
    gapMs: spread(gaps),
    fenceMs: spread(flips.map((one) => one.fenceMs)),
    drainMs: spread(flips.map((one) => one.drainMs)),
    openMs: spread(flips.map((one) => one.openMs)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => Math.round((sorted[index] ?? 0) * 10) / 10;
  return { p50: at(Math.floor((sorted.length - 1) / 2)), max: at(sorted.length - 1) };
}
