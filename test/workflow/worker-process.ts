import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Supervised } from '../../lab/process/supervise.ts';
import { startWorker } from '../../lab/sites/start-worker.ts';
import type { TestLab } from '../lab/test-lab.ts';

const emptyInventory = 'version: 1\ndomain: shop\nsites:\n  east: {}\n  west: {}\n';

/** The real worker as its own process, over an inventory of two empty sites. */
export function startWorkerProcess(
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
  return startWorker(lab.supervisor, options.name, {
    SITESHIFT_TEMPORAL_ADDRESS: options.address,
    SITESHIFT_TEMPORAL_TASK_QUEUE: options.queue,
    SITESHIFT_INVENTORY: inventory,
    SITESHIFT_RUNBOOKS: runbooks,
    ...(options.stopAt === undefined ? {} : { SITESHIFT_STOP_AT: options.stopAt }),
  });
}
