import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureProduct } from './apply-product.ts';
import { describe, IN_FLIGHT, measureBareLoop, measureKubectl, round, type Passes } from './apply-sides.ts';
import { wholeNumber } from '../tell-errors.ts';
import { startBareCluster, type BareCluster } from './bare-cluster.ts';
import { withOthersShare } from './others-share.ts';

const goals = {
  firstOverKubectl: 2.5,
  writingOverBareLoop: 0.9,
  againOverKubectl: 20,
  /** Of the sizes of `--also`, what a written object costs at most against at least. */
  dearestOverCheapest: 1.25,
};

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
  const count = wholeNumber('--objects', values.objects, 1);
  const roundCount = wholeNumber('--rounds', values.rounds, 0);
  const sizes = values.also
    .split(',')
    .filter(Boolean)
    .map((size) => wholeNumber('--also', size, 1));
  const say = (line: string) => console.error(line);
  const loadBefore = round(loadavg()[0] ?? 0);
  const cluster = await startBareCluster({ name: 'bench', say, endsOnSignals: true });
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-apply-'));
  try {
    await cluster.controllerManager.stop(); // its quota and garbage controllers would watch each object go by
    const rounds: Round[] = [];
    for (let number = 1; number <= roundCount; number += 1) {
      rounds.push(await measureRound(cluster, { count, folder, round: number }, say));
    }
    const scaling = await measureScaling(cluster, sizes, folder, say);
    const ratios: Ratios = {
      ...(rounds.length === 0 ? {} : ratiosOf(rounds)),
      ...(sizes.length < 2 ? {} : { dearestOverCheapest: spreadOf(scaling) }),
    };
    const reached = isReached(ratios);
    const result = {
      objects: count,
      inFlight: IN_FLIGHT,
      load: { before: loadBefore, after: round(loadavg()[0] ?? 0) },
      ratios,
      goals,
      ...(rounds.length === 0 ? {} : { notJudged: notJudged(rounds) }),
      reached,
      rounds,
      scaling,
    };
    const text = JSON.stringify(result, null, 2);
    if (values.json !== undefined) writeFileSync(values.json, `${text}\n`);
    console.log(text);
    if (!reached) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await cluster.close();
  }
}

async function measureScaling(
  cluster: BareCluster,
  sizes: readonly number[],
  folder: string,
  say: (line: string) => void,
) {
  const scaling = [];
  for (const [index, objects] of sizes.entries()) {
    const measured = await measureProduct(cluster, objects, folder, 1_000 + index);
    const msPerObject = {
      first: round(measured.first.ms / objects),
      writing: round(measured.writing.ms / objects),
    };
    scaling.push({ objects, msPerObject, ...measured });
    say(`siteshift, ${objects} objects: ${describe(measured)}, writing ${measured.writing.perSecond}/s`);
  }
  return scaling;
}

function spreadOf(scaling: Awaited<ReturnType<typeof measureScaling>>): number {
  const costs = scaling.map(({ msPerObject }) => msPerObject.first);
  return round(Math.max(...costs) / Math.min(...costs));
}

type Ratios = Partial<Record<keyof typeof goals, number>>;

const isReached = ({ dearestOverCheapest = 1, ...ratios }: Ratios): boolean =>
  dearestOverCheapest <= goals.dearestOverCheapest &&
  Object.entries(ratios).every(([name, ratio]) => ratio >= goals[name as keyof typeof ratios]);

const over = (rounds: readonly Round[], ratio: (round: Round) => number) => median(rounds.map(ratio));

/**
 * The whole first apply, with reading the store and looking before and after, beside the loop that does none of that. It
 * is told and not judged: what siteshift does before and after its writes is what the loop leaves out.
 */
const notJudged = (rounds: readonly Round[]) => ({
  firstOverBareLoop: over(rounds, (one) => one.siteshift.first.perSecond / one.bareLoop.first.perSecond),
});

function ratiosOf(rounds: readonly Round[]) {
  return {
    firstOverKubectl: over(rounds, (one) => one.siteshift.first.perSecond / one.kubectl.first.perSecond),
    writingOverBareLoop: over(
      rounds,
      (one) => one.siteshift.writing.perSecond / one.bareLoop.first.perSecond,
    ),
    againOverKubectl: over(rounds, (one) => one.siteshift.again.perSecond / one.kubectl.again.perSecond),
  };
}

type Side = 'kubectl' | 'bareLoop' | 'siteshift';
interface Round {
  readonly kubectl: Passes;
  readonly bareLoop: Passes;
  readonly siteshift: Awaited<ReturnType<typeof measureProduct>>;
  /** Of the processors, while the side was measured. */
  readonly othersShare: Readonly<Partial<Record<Side, number>>>;
}

/** Each round begins with another side: the cluster fills up and the machine drifts, for nobody's good. */
async function measureRound(
  cluster: BareCluster,
  { count, folder, round }: { readonly count: number; readonly folder: string; readonly round: number },
  say: (line: string) => void,
): Promise<Round> {
  const pids = [cluster.apiserver.pid, cluster.etcd.pid];
  const taken: { -readonly [Name in Side]?: Round[Name] } = {};
  const othersShare: Partial<Record<Side, number>> = {};
  const watched = async <Result extends Passes>(side: Side, work: () => Promise<Result>): Promise<Result> => {
    const { result, othersShare: share } = await withOthersShare(pids, work);
    othersShare[side] = share;
    say(`${side}: ${describe(result)}, others ${Math.round(100 * share)} % of the processors`);
    return result;
  };
  const sides = [
    async () =>
      (taken.kubectl = await watched('kubectl', () => measureKubectl(cluster, count, { folder, round }))),
    async () => (taken.bareLoop = await watched('bareLoop', () => measureBareLoop(cluster, count, round))),
    async () =>
      (taken.siteshift = await watched('siteshift', () =>
        measureProduct(cluster, count, folder, 10 * round),
      )),
  ];
  const first = (round - 1) % sides.length;
  for (const side of [...sides.slice(first), ...sides.slice(0, first)]) await side();
  return { ...(taken as Required<typeof taken>), othersShare };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
