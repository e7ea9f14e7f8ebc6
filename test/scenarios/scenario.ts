import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunRecord, StepRecord } from '../../domain/run.ts';
import { runCli, type CliResult } from '../../lab/cli.ts';
import type { Supervised } from '../../lab/process/supervise.ts';
import { startWorker } from '../../lab/sites/start-worker.ts';
import { startTwoSiteLab, type LabOptions, type TwoSiteLab } from '../../lab/two-site-lab.ts';
import { WritableWatch } from '../../lab/watch/writable-watch.ts';
import { startWriter, type Writer } from '../../lab/writer/start-writer.ts';

/** A lab in a folder of its own, writers that never stop, and a watch on who takes writes. */
export interface Scenario {
  readonly lab: TwoSiteLab;
  readonly writer: Writer;
  /** `siteshift ARGS --json`; its JSON value, and its exit code. */
  cli(...args: string[]): Promise<{ code: number | null; value: unknown; result: CliResult }>;
  /** `siteshift run … --json`: the record of a run that closed or parked. */
  run(...args: string[]): Promise<{ code: number | null; workflowId: string; record: RunRecord }>;
  /** A worker that dies at the named point, once, and is started again, in place of the one that ran. */
  workerThatDiesAt(point: string): Promise<DyingWorker>;
  /** Ends the load and holds the run to the promises: nothing lost, nothing twice, never two that take writes. */
  judge(): Promise<void>;
  close(): Promise<void>;
}

export interface DyingWorker {
  /** How often it was found dead and started again. */
  deaths(): number;
  stop(): Promise<void>;
}

export async function openScenario(options: Partial<LabOptions> = {}): Promise<Scenario> {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-scenario-'));
  const lab = await startTwoSiteLab({ folder, say: () => undefined, ...options });
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
      return { code, ...(value as { workflowId: string; record: RunRecord }) };
    },
    workerThatDiesAt: async (point) => {
      await standing.stop();
      workers += 1;
      const name = `worker-${workers}`;
      const stopAt = JSON.stringify([{ point, marker: join(folder, `${name}.marker`) }]);
      standing = await startWorker(lab.supervisor, name, { ...lab.environment, SITESHIFT_STOP_AT: stopAt });
      return keepAlive(standing);
    },
    judge: async () => {
      const verdict = await writer.finish();
      const watched = await watch.stop();
      expect(verdict.examples).toEqual([]);
      expect(verdict).toMatchObject({ lostWrites: 0, duplicateWrites: 0, misroutedWrites: 0 });
      expect(watched.breaches).toEqual([]);
      expect(watched.polls).toBeGreaterThan(10);
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

/** What a service manager does for a worker in production. */
function keepAlive(worker: Supervised): DyingWorker {
  let deaths = 0;
  let stopped = false;
  const keeping = (async () => {
    while (!stopped) {
      if (!worker.alive()) {
        deaths += 1;
        await worker.restart();
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    deaths: () => deaths,
    stop: async () => {
      stopped = true;
      await keeping;
    },
  };
}

export const stepOf = (record: RunRecord, id: string): StepRecord => {
  const found = record.steps.find((step) => step.id === id);
  if (found === undefined)
    throw new Error(`no step ${id}; there are ${record.steps.map((step) => step.id).join(', ')}`);
  return found;
};
