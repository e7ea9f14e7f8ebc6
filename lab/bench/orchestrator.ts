import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { obtainTemporal, startTemporal } from '../engines/temporal.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import { searchAttributes } from '../sites/layout.ts';
import { bundleWorkflows, startWorker } from '../sites/start-worker.ts';

/** A Temporal as in the lab with the real worker, and nothing else; what it moves stands in the inventory. */
export interface Orchestrator {
  readonly client: Client;
  readonly server: Supervised;
  readonly worker: Supervised;
}

export interface OrchestratorOptions {
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly folder: string;
  readonly taskQueue: string;
  /** Text of `siteshift.yaml`. */
  readonly inventory: string;
  readonly runbooks: string;
  /** Of the server, where it is not the lab's. */
  readonly settings?: Partial<Parameters<typeof startTemporal>[1]>;
  /** Another version of the product whose worker it is; absent: this one's. */
  readonly checkout?: string;
}

export async function startOrchestrator(options: OrchestratorOptions): Promise<Orchestrator> {
  const { supervisor, ports, folder, taskQueue, settings, checkout } = options;
  const frontend = await ports.next();
  const home = join(folder, `side-${frontend}`);
  const server = await startTemporal(supervisor, {
    ...settings,
    program: await obtainTemporal(console.log),
    name: `temporal-${frontend}`,
    databaseFile: join(home, 'temporal.db'),
    ports: { frontend, ui: await ports.next() },
    searchAttributes,
  });
  const address = `127.0.0.1:${frontend}`;
  const inventory = join(home, 'siteshift.yaml');
  mkdirSync(home, { recursive: true });
  writeFileSync(inventory, options.inventory);
  const environment = {
    SITESHIFT_TEMPORAL_ADDRESS: address,
    SITESHIFT_TEMPORAL_TASK_QUEUE: taskQueue,
    SITESHIFT_INVENTORY: inventory,
    SITESHIFT_RUNBOOKS: options.runbooks,
    SITESHIFT_WORKFLOW_BUNDLE: await bundleWorkflows(join(home, 'workflows.js'), checkout),
  };
  const worker = await startWorker(supervisor, `worker-${frontend}`, environment, checkout);
  return { client: new Client({ connection: await Connection.connect({ address }) }), server, worker };
}
