import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { checkListening } from '../process/check-listening.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import { buildGoPrograms, type GoBuild } from './build-go-programs.ts';
import { cachedVersions, type Say } from './cache.ts';
import { findProgram } from './find-program.ts';
import { downloadTemporal } from './temporal-download.ts';

const VERSION = '1.8.2';
const MODULE = 'github.com/temporalio/cli';

const temporalBuild: GoBuild = {
  name: 'temporal',
  version: VERSION,
  programs: { temporal: `${MODULE}/cmd/temporal` },
  // The module replaces its own submodule by a folder that the proxy's archive lacks: name its release instead.
  goMod: () => [
    'go 1.26.4',
    `require ${MODULE} v${VERSION}`,
    `replace ${MODULE}/cliext => ${MODULE}/cliext v0.0.0-20260731000218-c579925f193f`,
  ],
  typically: 'about 7 minutes',
};

/** SITESHIFT_TEMPORAL, the PATH, the cache, the official download where it is reachable, or built from the module. */
export async function obtainTemporal(say: Say): Promise<string> {
  const found = findProgram(['temporal'], 'SITESHIFT_TEMPORAL');
  if (found !== undefined) return found;
  if (cachedVersions(`temporal-${VERSION}`).length === 0) await downloadTemporal(VERSION, say);
  return join(await buildGoPrograms(temporalBuild, say), 'temporal');
}

export type SearchAttributeType = 'Bool' | 'Datetime' | 'Double' | 'Int' | 'Keyword' | 'KeywordList' | 'Text';

export async function startTemporal(
  supervisor: Supervisor,
  options: {
    readonly program: string;
    readonly name: string;
    /** The histories live here and survive kill and restart. Not to be kept over an upgrade of the program. */
    readonly databaseFile: string;
    readonly ports: { readonly frontend: number; readonly ui: number };
    readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
    readonly dynamicConfig?: Readonly<Record<string, string | number | boolean>>;
    readonly sqlitePragmas?: Readonly<Record<string, string>>;
    /** For Go's runtime, e.g. GOGC. */
    readonly environment?: Readonly<Record<string, string>>;
  },
): Promise<Supervised> {
  const { ports } = options;
  mkdirSync(dirname(options.databaseFile), { recursive: true });
  // The default of 20 polls per second and shard makes every hand-over between tasks wait up to 50 ms.
  // An eager activity starts with the answer to the workflow task that asked for it, without a round over the queue.
  const dynamicConfig = {
    'history.transferProcessorMaxPollRPS': 2000,
    'system.enableActivityEagerExecution': true,
    // Four partitions, the default, are for thousands of workers: a task that comes to one and a worker that waits at
    // another find each other only by a detour. It counts where a run and its plan begin.
    'matching.numTaskqueueReadPartitions': 1,
    'matching.numTaskqueueWritePartitions': 1,
    ...options.dynamicConfig,
  };
  const pragmas = {
    journal_mode: 'WAL',
    // Each task is several transactions. Without a sync at each the file survives that the process is killed, which is
    // what happens to it here; a server that must survive its host being cut off has another database in any case.
    synchronous: 'NORMAL',
    ...options.sqlitePragmas,
  };
  return supervisor.start({
    name: options.name,
    command: options.program,
    args: [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${ports.frontend}`,
      `--ui-port=${ports.ui}`,
      `--db-filename=${options.databaseFile}`,
      ...Object.entries(pragmas).map(([key, value]) => `--sqlite-pragma=${key}=${value}`),
      '--log-level=warn',
      '--ui-disable-news-fetch', // the browser would fetch it from the vendor
      ...Object.entries(options.searchAttributes).map(([name, type]) => `--search-attribute=${name}=${type}`),
      ...Object.entries(dynamicConfig).map(
        ([key, value]) => `--dynamic-config-value=${key}=${JSON.stringify(value)}`,
      ),
    ],
    ports,
    env: { ...options.environment },
    ready: () => checkFrontend(ports.frontend),
  });
}

async function checkFrontend(port: number): Promise<void> {
  await checkListening(port); // gRPC would wait a second before its next attempt
  const address = `127.0.0.1:${port}`;
  const connection = await Connection.connect({ address, connectTimeout: '2 seconds' });
  try {
    await connection.withDeadline(Date.now() + 2_000, () =>
      connection.workflowService.describeNamespace({ namespace: 'default' }),
    );
  } finally {
    await connection.close();
  }
}
