import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Supervisor } from '../process/supervise.ts';
import { cached, cachedVersions, type Say } from './cache.ts';
import {
  checkAnswers,
  databaseServer,
  socketPath,
  type DatabaseServer,
  type ServerOptions,
} from './database-server.ts';
import { ensureDataFolder } from './data-folder.ts';
import { findProgram, namedProgram } from './find-program.ts';
import { mysqlSettings } from './mysql-settings.ts';
import { programFromUnpacked, UNPACKED_PREFIX, unpackMysql, type ServerProgram } from './mysql-packages.ts';
import { optionFile } from './option-file.ts';
import { runCommand } from './run-command.ts';

export interface MysqlProgram extends ServerProgram {
  readonly version: string;
  /** A data folder as initialised, copied for every new server. */
  readonly template: string;
}

/** SITESHIFT_MYSQLD, a real MySQL on the PATH, the cache, or Debian's packages unpacked beside the system. */
export async function obtainMysql(say: Say): Promise<MysqlProgram> {
  const program =
    (await installedMysql()) ??
    programFromUnpacked(cachedVersions(UNPACKED_PREFIX)[0] ?? (await unpackMysql(say)));
  const version = await versionOf(program);
  if (version === undefined) throw new Error(`${program.command} does not say that it is MySQL 8.4 or newer`);
  const folder = await cached({
    name: `mysql-data-${version}`,
    doing: `initialising a MySQL ${version} data folder`,
    typically: 'about 5 seconds',
    say,
    build: (work) => initialise(program, work),
  });
  return { ...program, version, template: join(folder, 'data') };
}

/** On Debian `mysqld` is a link to MariaDB: what counts is what it says it is. */
async function installedMysql(): Promise<ServerProgram | undefined> {
  const named = namedProgram('SITESHIFT_MYSQLD');
  if (named !== undefined) return { command: named, arguments: [], settings: {} };
  const command = findProgram(['mysqld']);
  if (command === undefined) return undefined;
  const program = { command, arguments: [], settings: {} };
  return (await versionOf(program)) === undefined ? undefined : program;
}

/** Undefined for MariaDB and for versions before 8.4, which speak other replication statements. */
async function versionOf(program: ServerProgram): Promise<string | undefined> {
  const printed = await runCommand(program.command, [...program.arguments, '--no-defaults', '--version']);
  const [, version, major, minor] = /Ver ((\d+)\.(\d+)\.\d+)/.exec(printed) ?? [];
  if (printed.includes('MariaDB') || Number(major) * 100 + Number(minor) < 804) return undefined;
  return version;
}

async function initialise(program: ServerProgram, folder: string): Promise<void> {
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const file = join(folder, 'initialise.cnf');
  const options = { name: 'template', dataDir, port: 3306, serverId: 1 };
  writeFileSync(file, optionFile('mysqld', mysqlSettings(options, program.settings)));
  await runCommand(program.command, [
    ...program.arguments,
    `--defaults-file=${file}`,
    '--initialize-insecure',
    '--super-read-only=OFF',
    ...asThisUser(),
  ]);
  rmSync(join(dataDir, 'auto.cnf')); // every copy must make its own server UUID
}

/** Starts a server; a data folder that does not exist becomes a fresh server, closed (super_read_only) until it is opened. */
export async function startMysql(
  supervisor: Supervisor,
  program: MysqlProgram,
  options: ServerOptions,
): Promise<DatabaseServer> {
  const { name, dataDir, port } = options;
  ensureDataFolder(program.template, dataDir);
  // Never --no-defaults: it would also drop what
  // SET PERSIST wrote, the fence included, and a replica restarted that way comes back writable.
  const file = `${dataDir}.cnf`;
  writeFileSync(file, optionFile('mysqld', mysqlSettings(options, program.settings)));
  const process = await supervisor.start({
    name,
    command: program.command,
    args: [...program.arguments, `--defaults-file=${file}`, ...asThisUser()],
    ports: { sql: port },
    prepare: () => {
      // Left by a kill; with the killed process not reaped yet the new server would refuse to start.
      for (const file of [socketPath(dataDir), `${socketPath(dataDir)}.lock`]) rmSync(file, { force: true });
    },
    ready: () => checkAnswers(port),
  });
  return databaseServer('mysql', process, options);
}

function asThisUser(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}
