import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../engines/run-command.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';

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
    ready: checkStarted(supervisor.stateFolder, name),
  });
}

/** The worker says so in its log once its polls are out. Counted, because the log goes on over restarts. */
function checkStarted(stateFolder: string, name: string): () => Promise<void> {
  const file = `${stateFolder}/logs/${name}.log`;
  let seen = -1;
  return async () => {
    const starts = readFileSync(file, 'utf8').split('"worker started"').length - 1;
    if (seen === -1) seen = 0;
    if (starts <= seen) throw new Error(`no "worker started" in ${file} yet`);
    seen = starts;
  };
}

export const repositoryFile = source;
