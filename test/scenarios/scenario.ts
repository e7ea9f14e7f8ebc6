import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunRecord, StepRecord } from '../../domain/run.ts';
import { runCli, type CliResult } from '../../lab/cli.ts';
import type { Supervised } from '../../lab/process/supervise.ts';
import { startWorker } from '../../lab/sites/start-worker.ts';
import { startTwoSiteLab, type LabOptions, type TwoSiteLab } from '../../lab/two-site-lab.ts';
import { isWatched, WritableWatch } from '../../lab/watch/writable-watch.ts';
import { startWriter, type Writer } from '../../lab/writer/start-writer.ts';
import { keepAlive, type KeptAlive } from '../lab/keep-alive.ts';
import { heartbeats, terminate } from './ask-temporal.ts';
import { haltPoints, type Acting, type Halt } from './halted-worker.ts';
import { until } from './until.ts';

/** A lab in a folder of its own, writers that never stop, and a watch on who takes writes. */
export interface Scenario {
  readonly lab: TwoSiteLab;
  readonly writer: Writer;
  /** `siteshift ARGS --json`; its JSON value, and its exit code. */
  cli(...args: string[]): Promise<{ code: number | null; value: unknown; result: CliResult }>;
  /** `siteshift run … --json`: the record of a run that closed or parked. */
  run(...args: string[]): Promise<{ code: number | null; workflowId: string; record: RunRecord }>;
  /** Answers a parked step by `siteshift retry` and waits for the end; @returns the run's outcome */
  retry(workflowId: string, step: string, reason: string): Promise<string | undefined>;
  /** Starts a run and returns at once. */
  start(...args: string[]): Promise<StartedRun>;
  /** Before a run: its worker is to stand still at this point, once, so that something can be broken there. */
  haltAt(point: string): Halt;
  /** Before a run: something is done at each of the points at which the worker can be halted. */
  atEachHalt(act: (point: string) => Promise<void>): Acting;
  /** Waits until a step under way says what it waits for, as the UI shows it; throws with what it says instead. */
  waitsFor(words: RegExp): Promise<void>;
  /** A worker that dies at each of the named points, once, and is started again, in place of the one that ran. */
  workerThatDiesAt(points: string | readonly string[]): Promise<KeptAlive>;
  /** Starts the worker that runs again whenever it is found dead. */
  keepWorkerAlive(): KeptAlive;
  /** Ends workflows as a person can in the UI: at once, and without any code of ours. */
  terminate(...workflowIds: string[]): Promise<void>;
  /** Ends the load and counts what broke a promise; to be compared with `allKept`. */
  judge(): Promise<Kept>;
  close(): Promise<void>;
}

export interface Kept {
  readonly lostWrites: number;
  readonly duplicateWrites: number;
  readonly misroutedWrites: number;
  /** Moments at which two nodes of a cluster took writes, in words. */
  readonly twoWritable: readonly string[];
  readonly examples: readonly string[];
  /** Whether there was something to judge: writes, and somebody who watched. */
  readonly hasEvidence: boolean;
}

/** Nothing lost, nothing twice, nothing taken by two units, never two primaries. */
export const allKept: Kept = {
  lostWrites: 0,
  duplicateWrites: 0,
  misroutedWrites: 0,
  twoWritable: [],
  examples: [],
  hasEvidence: true,
};

export interface StartedRun {
  readonly workflowId: string;
  /** The record once nothing goes on by itself: closed, or waiting for a person only. */
  settled(withinMs?: number): Promise<RunRecord>;
}

export interface ScenarioOptions extends Partial<LabOptions> {
  /** Points at which the lab's own worker dies, once each: spares the start of another one. */
  readonly workerDiesAt?: readonly string[];
  /** Points at which it can be halted; see `haltAt`. */
  readonly workerHaltsAt?: readonly string[];
}

export async function openScenario(options: ScenarioOptions = {}): Promise<Scenario> {
  const { workerDiesAt = [], workerHaltsAt = [], ...labOptions } = options;
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-scenario-'));
  const dyingAt = (name: string, points: readonly string[]) => ({
    SITESHIFT_STOP_AT: JSON.stringify(
      points.map((point, index) => ({ point, marker: join(folder, `${name}.${index}.marker`) })),
    ),
  });
  const halts = haltPoints(folder, workerHaltsAt);
  const lab = await startTwoSiteLab({
    folder: join(folder, 'lab'), // a lab refuses a folder that holds something else
    say: () => undefined,
    workerEnvironment: { ...dyingAt('worker', workerDiesAt), ...halts.environment },
    ...labOptions,
  });
  const watch = new WritableWatch(lab.clusters);
  watch.start();
  const writer = startWriter(lab, { users: 30, thinkMs: 30 });
  await writer.reach(200, 60_000);
  const cli = (...args: string[]) => callCli(lab, args);
  let workers = 0;
  let standing: Supervised = lab.worker;
  return {
    lab,
    writer,
    cli,
    run: async (...args) => {
      const { code, value } = await cli(
        'run',
        ...args,
        '--on-park',
        'exit',
        '--reason',
        'a scenario of the tests',
      );
      const { workflowId, record } = value as { workflowId?: string; record?: RunRecord };
      if (workflowId === undefined || record === undefined)
        throw new Error(`siteshift run: expected a record, saw ${JSON.stringify(value)}`);
      return { code, workflowId, record };
    },
    start: async (...args) => {
      const { value } = await cli('run', ...args, '--detach', '--reason', 'a scenario of the tests');
      const { workflowId } = value as { workflowId: string };
      return { workflowId, settled: (withinMs = 120_000) => untilSettled(cli, workflowId, withinMs) };
    },
    retry: async (workflowId, step, reason) => {
      const answer = await cli('retry', workflowId, step, '--reason', reason);
      if (answer.code !== 0)
        throw new Error(`siteshift retry: ${answer.result.stdout}${answer.result.stderr}`);
      const { value } = await cli('status', workflowId, '--watch');
      return (value as { record: RunRecord }).record.outcome;
    },
    haltAt: (point) => halts.arm(point, lab.worker),
    atEachHalt: (act) => halts.atEach(lab.worker, act),
    waitsFor: async (words) => {
      let said = '';
      await until(`a step says ${String(words)}`, 30_000, async () =>
        words.test((said = await heartbeats(lab.environment))),
      ).catch((cause: unknown) => {
        throw new Error(`the steps under way say: ${said}`, { cause });
      });
    },
    workerThatDiesAt: async (points) => {
      await standing.stop();
      workers += 1;
      const name = `worker-${workers}`;
      const environment = { ...lab.environment, ...dyingAt(name, [points].flat()) };
      standing = await startWorker(lab.supervisor, name, environment);
      return keepAlive([standing]);
    },
    keepWorkerAlive: () => keepAlive([standing]),
    terminate: (...workflowIds) => terminate(lab.environment, workflowIds),
    judge: async () => {
      const { lostWrites, duplicateWrites, misroutedWrites, examples, acknowledgedWrites } =
        await writer.finish();
      const watched = await watch.stop();
      const hasEvidence = acknowledgedWrites > 200 && isWatched(watched);
      const { breaches } = watched;
      return { lostWrites, duplicateWrites, misroutedWrites, examples, twoWritable: breaches, hasEvidence };
    },
    close: async () => {
      await standing.stop();
      await lab.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function callCli(lab: TwoSiteLab, args: readonly string[]) {
  const result = await runCli(lab.environment, [...args, '--json']);
  try {
    return { code: result.code, value: JSON.parse(result.stdout) as unknown, result };
  } catch (cause) {
    throw new Error(
      `siteshift ${args.join(' ')}: expected one JSON value, saw exit code ${result.code}: ${result.stdout}${result.stderr}`,
      { cause },
    );
  }
}

type CallScenarioCli = Scenario['cli'];

async function untilSettled(cli: CallScenarioCli, workflowId: string, withinMs: number): Promise<RunRecord> {
  let last: RunRecord | undefined;
  await until(`run ${workflowId} is settled`, withinMs, async () => {
    const { value } = await cli('status', workflowId);
    const { record, questions } = value as { record?: RunRecord; questions?: readonly unknown[] };
    last = record ?? last;
    if (record?.phase === 'closed') return true;
    return (questions ?? []).length > 0 && record?.steps.every(({ state }) => state !== 'running') === true;
  });
  if (last === undefined) throw new Error(`run ${workflowId} has no record`);
  return last;
}

/** What a step came to, in one line: "parked failed: after 10000 ms …". */
export const wordsOf = (record: RunRecord, id: string): string => {
  const { state, outcome } = stepOf(record, id);
  return `${state} ${outcome?.status ?? 'without an outcome'}: ${outcome?.summary ?? ''}`;
};

export const stepOf = (record: RunRecord, id: string): StepRecord => {
  const found = record.steps.find((step) => step.id === id);
  if (found === undefined)
    throw new Error(`no step ${id}; there are ${record.steps.map((step) => step.id).join(', ')}`);
  return found;
};
