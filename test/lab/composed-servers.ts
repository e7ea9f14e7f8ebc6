import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { parse, stringify } from 'yaml';
import type { Inventory } from '../../domain/schema/inventory.ts';
import { loadInventory } from '../../domain/schema/load.ts';
import { checkAnswers, socketPath } from '../../lab/engines/database-server.ts';
import { ensureDataFolder } from '../../lab/engines/data-folder.ts';
import { obtainMariadb } from '../../lab/engines/mariadb.ts';
import { obtainMysql } from '../../lab/engines/mysql.ts';
import { optionFile, type ServerSettings } from '../../lab/engines/option-file.ts';
import type { Supervised } from '../../lab/process/supervise.ts';
import { composeText, readComposeFile, serviceOf } from '../schema/compose-file.ts';
import type { TestLab } from './test-lab.ts';

export type Engine = 'mysql' | 'mariadb';

export interface ComposedServer {
  readonly name: string;
  readonly engine: Engine;
  readonly port: number;
  readonly process: Supervised;
}

const compose = readComposeFile();

interface Program {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly settings: ServerSettings;
  readonly template: string;
}

const programs: { readonly [name in Engine]: (lab: TestLab) => Promise<Program> } = {
  mysql: ({ say }) => obtainMysql(say),
  mariadb: async ({ say }) => ({ ...(await obtainMariadb(say)), arguments: [], settings: {} }),
};

/**
 * A server with the option file and the arguments of its service, on a fresh data folder as the image initialises it;
 * then the init SQL as root over the local socket, then a restart: the order in which the image does it.
 */
export async function startComposed(lab: TestLab, name: string, engine: Engine): Promise<ComposedServer> {
  const program = await programs[engine](lab);
  const port = await lab.ports.next();
  const dataDir = join(lab.folder, name);
  ensureDataFolder(program.template, dataDir);
  const file = `${dataDir}.cnf`;
  // Last wins: what the container leaves to its image, and what would collide outside of one.
  const here: ServerSettings = {
    ...program.settings,
    datadir: dataDir,
    socket: socketPath(dataDir),
    'pid-file': join(dataDir, 'server.pid'),
    port,
    'bind-address': '127.0.0.1',
    ...(engine === 'mysql' ? { 'secure-file-priv': 'NULL' } : {}),
  };
  const section = engine === 'mysql' ? 'mysqld' : 'mariadbd';
  writeFileSync(file, `${compose.configs[engine]?.content ?? ''}\n${optionFile(section, here)}`);
  const process = await lab.supervisor.start({
    name,
    command: program.command,
    args: [
      ...program.arguments,
      `--defaults-file=${file}`,
      ...(serviceOf(compose, name).command ?? []),
      ...(globalThis.process.getuid?.() === 0 ? ['--user=root'] : []),
    ],
    ports: { sql: port },
    prepare: () => {
      for (const left of [socketPath(dataDir), `${socketPath(dataDir)}.lock`]) rmSync(left, { force: true });
    },
    ready: () => checkAnswers(port),
  });
  await runAsRoot(socketPath(dataDir), composeText(engine === 'mysql' ? 'orders.sql' : 'payments.sql'));
  process.kill();
  await process.gone();
  await process.restart();
  return { name, engine, port, process };
}

async function runAsRoot(socket: string, sql: string): Promise<void> {
  const root = await createConnection({ socketPath: socket, user: 'root', multipleStatements: true });
  try {
    await root.query(sql);
  } finally {
    root.destroy();
  }
}

/** Environment of the worker's service: the passwords of the accounts. */
export const composePasswords = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(serviceOf(compose, 'worker').environment ?? {}).filter(([name]) =>
      name.endsWith('_PASSWORD'),
    ),
  );

/** The inventory of the compose file with the addresses of this machine; written to `file`. */
export function writeLocalInventory(
  file: string,
  servers: readonly ComposedServer[],
  urls: { readonly nacos: string; readonly etcd: string },
): Inventory {
  const inventory = parse(composeText('siteshift.yaml')) as Inventory;
  const nodes = (engine: Engine) =>
    servers
      .filter((server) => server.engine === engine)
      .map(({ name, port }) => [name, { site: name.split('-')[1], host: '127.0.0.1', port }]);
  const { orders, payments } = inventory.databases;
  const local = {
    ...inventory,
    databases: {
      orders: { ...orders, nodes: Object.fromEntries(nodes('mysql')) },
      payments: { ...payments, nodes: Object.fromEntries(nodes('mariadb')) },
    },
    configCenters: {
      nacos: { kind: 'nacos', site: 'edge', url: urls.nacos },
      etcd: { kind: 'etcd', site: 'edge', endpoints: [urls.etcd] },
    },
  };
  writeFileSync(file, stringify(local));
  const loaded = loadInventory(stringify(local), file);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.value;
}
