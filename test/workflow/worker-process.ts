import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Supervised } from '../../lab/process/supervise.ts';
import type { TestLab } from '../lab/test-lab.ts';

const emptyInventory = 'version: 1\ndomain: shop\nsites:\n  east: {}\n  west: {}\n';
const workerMain = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));

/** The real worker as its own process, as people run it. Ready once it says that it has started. */
export async function startWorkerProcess(
  lab: TestLab,
  options: {
    readonly name: string;
    readonly address: string;
    readonly queue: string;
    readonly stopAt?: string;
  },
): Promise<Supervised> {
  const inventory = join(lab.folder, 'siteshift.yaml');
  const runbooks = join(lab.folder, 'runbooks');
  writeFileSync(inventory, emptyInventory);
  mkdirSync(runbooks, { recursive: true });
  let logFile = '';
  let startsBefore = 0;
  const starts = () =>
    logFile === '' ? 0 : readFileSync(logFile, 'utf8').split('"worker started"').length - 1;
  const worker = await lab.supervisor.start({
    name: options.name,
    command: process.execPath,
    args: [workerMain],
    ports: {},
    env: {
      SITESHIFT_TEMPORAL_ADDRESS: options.address,
      SITESHIFT_TEMPORAL_TASK_QUEUE: options.queue,
      SITESHIFT_INVENTORY: inventory,
      SITESHIFT_RUNBOOKS: runbooks,
      ...(options.stopAt === undefined ? {} : { SITESHIFT_STOP_AT: options.stopAt }),
    },
    prepare: () => {
      logFile = join(lab.folder, 'logs', `${options.name}.log`);
      startsBefore = safely(starts);
    },
    ready: async () => {
      if (safely(starts) <= startsBefore) throw new Error('the worker has not said that it started');
    },
    readyWithinMs: 60_000,
  });
  return worker;
}

function safely(count: () => number): number {
  try {
    return count();
  } catch {
    return 0; // no log yet
  }
}
