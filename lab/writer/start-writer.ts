import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithUs } from '../process/end-with-us.ts';
import { bucketCount, dataSites, databaseNames, homes, userHeader } from '../sites/layout.ts';
import { repositoryFile } from '../sites/start-worker.ts';
import { bucketOf } from '../../domain/routing.ts';
import type { TwoSiteLab } from '../two-site-lab.ts';
import type { AcknowledgedWrite, LoadCounters, LoadOptions } from './load.ts';
import { judge, readLines, type CommittedWrite, type FirstRules, type Verdict } from './oracle.ts';
import { readStoredWrites } from './stored-writes.ts';

/** A writer in a process of its own: what it waits for does not hang on what the lab's process is doing. */
export interface Writer {
  counters(): LoadCounters;
  /** Waits until that many writes are acknowledged; @throws Error after the limit, with the counters. */
  reach(acknowledged: number, withinMs: number): Promise<void>;
  /** Ends the load and compares what users were told with what the surviving databases hold. */
  finish(): Promise<WriterResult>;
}

export interface WriterResult extends Verdict {
  /** Longest time without any acknowledged write of a user whose bucket lived in the east, ms. */
  readonly writeGapMs: number;
  /** When that gap ended, ms since 1970. */
  readonly gapEndedAt: number;
  readonly writes: readonly AcknowledgedWrite[];
  readonly counters: LoadCounters;
}

export function startWriter(lab: TwoSiteLab, load: Partial<LoadOptions> = {}): Writer {
  const logFile = join(lab.folder, `writer-${Date.now()}.jsonl`);
  const options: LoadOptions = {
    gateways: lab.gateways.map(({ endpoint }) => endpoint),
    users: 50,
    thinkMs: 15,
    retryMs: 100,
    requestTimeoutMs: 2e3,
    header: userHeader,
    datasources: databaseNames,
    ...load,
    logFile,
  };
  const configFile = `${logFile}.config.json`;
  writeFileSync(configFile, JSON.stringify(options));
  const child = spawn(process.execPath, [repositoryFile('lab/writer/main.ts'), configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithUs(child);
  let counters: LoadCounters = {
    acknowledged: 0,
    fenced: 0,
    refused: 0,
    connectionErrors: 0,
    lastAcknowledgedAt: 0,
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    counters = JSON.parse(line) as LoadCounters;
  });
  return {
    counters: () => counters,
    reach: async (acknowledged, withinMs) => {
      const deadline = Date.now() + withinMs;
      while (counters.acknowledged < acknowledged) {
        if (Date.now() > deadline || child.exitCode !== null) {
          throw new Error(
            `the writer: expected ${acknowledged} acknowledged writes within ${withinMs} ms, saw ${JSON.stringify(counters)}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    finish: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      return result(lab, logFile, counters);
    },
  };
}

/** What the agents' `initial` says, which is stamped with epoch 1. */
const firstRules: FirstRules = {
  buckets: bucketCount,
  epoch: 1,
  homeOf: (bucket) =>
    dataSites.find((site) => bucket >= homes[site].first && bucket <= homes[site].last) ?? 'nobody',
};

async function result(lab: TwoSiteLab, logFile: string, counters: LoadCounters): Promise<WriterResult> {
  const writes = await readLines<AcknowledgedWrite>(logFile);
  const committed = (
    await Promise.all(lab.apps.map((app) => readLines<CommittedWrite>(app.commitLog)))
  ).flat();
  const verdict = judge(writes, await readStoredWrites(lab.clusters), committed, firstRules);
  return { ...verdict, ...writeGap(writes), writes, counters };
}

/** Over users of the east's home buckets: those are the ones that a failover of the east is for. */
function writeGap(writes: readonly AcknowledgedWrite[]): { writeGapMs: number; gapEndedAt: number } {
  const { first, last } = homes.east;
  const times = writes
    .filter(({ user }) => bucketOf(user, bucketCount) >= first && bucketOf(user, bucketCount) <= last)
    .map(({ ackedAt }) => ackedAt)
    .sort((a, b) => a - b);
  let longest = { writeGapMs: 0, gapEndedAt: 0 };
  for (let index = 1; index < times.length; index += 1) {
    const gap = (times[index] ?? 0) - (times[index - 1] ?? 0);
    if (gap > longest.writeGapMs) longest = { writeGapMs: gap, gapEndedAt: times[index] ?? 0 };
  }
  return longest;
}
