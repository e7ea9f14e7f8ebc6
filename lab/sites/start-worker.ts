import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../engines/run-command.ts';
import type { ProcessSpec, Supervised, Supervisor } from '../process/supervise.ts';

/** Environment that the worker and the CLI share. */
export type ProductEnvironment = Readonly<Record<string, string>>;

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Makes the workflow bundle once a lab, so that a killed worker is back within a second or two. */
export async function bundleWorkflows(file: string, checkout = source('.')): Promise<string> {
  await runCommand(process.execPath, [join(checkout, 'worker/bundle.ts'), file]);
  return file;
}

/** Starts the product's worker as users do: `node worker/main.ts` with its environment. */
export function startWorker(
  supervisor: Supervisor,
  name: string,
  environment: ProductEnvironment,
  checkout = source('.'),
): Promise<Supervised> {
  return supervisor.start({
    name,
    command: process.execPath,
    args: [join(checkout, 'worker/main.ts')],
    ports: {},
    env: environment,
    readyWithinMs: 60_000,
    ...startedByLog(join(supervisor.stateFolder, 'logs', `${name}.log`)),
  });
}

/**
 * The worker says so in its log once its polls are out. The log goes on over restarts, and over a lab's end: only what this
 * process has written counts.
 */
export function startedByLog(file: string): Pick<ProcessSpec, 'prepare' | 'ready'> {
  let before = 0;
  return {
    prepare: () => {
      before = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    },
    ready: async () => {
      if (!readFileSync(file).subarray(before).includes('"worker started"'))
        throw new Error(`no "worker started" in ${file} yet, after byte ${before}`);
    },
  };
}

export const repositoryFile = source;
