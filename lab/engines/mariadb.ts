import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Supervisor } from '../process/supervise.ts';
import { cached, type Say } from './cache.ts';
import { ensureDataFolder } from './data-folder.ts';
import { findOrInstall, type DebianProgram } from './debian.ts';
import {
  checkAnswers,
  databaseServer,
  socketPath,
  type DatabaseServer,
  type ServerOptions,
} from './database-server.ts';
import { findProgram } from './find-program.ts';
import { optionFile, type ServerSettings } from './option-file.ts';
import { runCommand } from './run-command.ts';

const REDO_LOG = '32M';

export interface MariadbProgram {
  readonly command: string;
  /** A data folder as initialised, copied for every new server. */
  readonly template: string;
}

export const mariadbPrograms: DebianProgram = {
  program: ['mariadbd'],
  variable: 'SITESHIFT_MARIADBD',
  packages: ['mariadb-server'],
};

/** SITESHIFT_MARIADBD, the PATH, or the Debian package; then an initialised data folder in the cache. */
export async function obtainMariadb(say: Say): Promise<MariadbProgram> {
  const command = await findOrInstall({ ...mariadbPrograms, say });
  const version = await versionOf(command);
  const folder = await cached({
    name: `mariadb-data-${version}`,
    doing: `initialising a MariaDB ${version} data folder`,
    typically: 'a few seconds',
    say,
    build: (work) => initialise(command, join(work, 'data')),
  });
  return { command, template: join(folder, 'data') };
}

async function versionOf(command: string): Promise<string> {
  const printed = await runCommand(command, ['--no-defaults', '--version']);
  const version = /Ver (\d+\.\d+\.\d+)-MariaDB/.exec(printed)?.[1];
  if (version === undefined) throw new Error(`${command} is not MariaDB: it says ${printed.trim()}`);
  return version;
}

async function initialise(command: string, dataDir: string): Promise<void> {
  const beside = join(dirname(dirname(command)), 'bin', 'mariadb-install-db');
  const installer = existsSync(beside) ? beside : findProgram(['mariadb-install-db']);
  if (installer === undefined)
    throw new Error(`mariadb-install-db is missing beside ${command} and on the PATH`);
  await runCommand(installer, [
    '--no-defaults',
    `--datadir=${dataDir}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    `--innodb-log-file-size=${REDO_LOG}`, // else every new server begins by making its log anew
    ...asThisUser(),
  ]);
}

export interface MariadbOptions extends ServerOptions {
  /** A pool of so many groups of threads instead of a thread for each connection: for a thousand clients on one host. */
  readonly threads?: number;
}

/** Starts a server; a data folder that does not exist becomes a fresh server, closed (read_only) until it is opened. */
export async function startMariadb(
  supervisor: Supervisor,
  program: MariadbProgram,
  options: MariadbOptions,
): Promise<DatabaseServer> {
  const { name, dataDir, port } = options;
  ensureDataFolder(program.template, dataDir);
  const file = join(dataDir, 'siteshift.cnf');
  writeFileSync(file, optionFile('mariadbd', settings(options)));
  const process = await supervisor.start({
    name,
    command: program.command,
    args: [`--defaults-file=${file}`, ...asThisUser()],
    ports: { sql: port },
    prepare: () => rmSync(socketPath(dataDir), { force: true }),
    ready: () => checkAnswers(port),
  });
  return databaseServer('mariadb', process, options);
}

/** A replica that restarts must come back closed, stopped and with its relay log: it may hold the only copy. */
function settings(options: MariadbOptions): ServerSettings {
  const { dataDir, port } = options;
  return {
    datadir: dataDir,
    socket: socketPath(dataDir),
    'pid-file': join(dataDir, 'server.pid'),
    port,
    'bind-address': '127.0.0.1',
    'skip-name-resolve': 'ON',
    'report-host': '127.0.0.1',
    'report-port': port,
    'max-connections': options.maxConnections ?? 100,
    ...(options.threads === undefined
      ? {}
      : { 'thread-handling': 'pool-of-threads', 'thread-pool-size': options.threads }),
    'read-only': 'ON',
    'skip-slave-start': 'ON',
    'relay-log-recovery': 'OFF',
    'sync-binlog': 1,
    'innodb-flush-log-at-trx-commit': 1,
    'server-id': options.serverId,
    'gtid-strict-mode': 'ON',
    'log-slave-updates': 'ON',
    'log-bin': 'binlog',
    'binlog-format': 'ROW',
    'binlog-row-image': 'FULL',
    'relay-log': 'relay',
    'slave-parallel-threads': 8,
    'slave-net-timeout': 10,
    'rpl-semi-sync-master-wait-point': 'AFTER_SYNC',
    'rpl-semi-sync-master-timeout': 4294967295,
    'innodb-buffer-pool-size': '32M',
    'innodb-log-file-size': REDO_LOG,
    'key-buffer-size': '1M',
    'aria-pagecache-buffer-size': '8M',
  };
}

/** The servers refuse to run as root unless told so. */
function asThisUser(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}
