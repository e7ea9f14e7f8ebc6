import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection } from 'mysql2/promise';
import type { Supervised } from '../process/supervise.ts';

export type Flavour = 'mariadb' | 'mysql';

/** One database server of the lab, MariaDB or MySQL. */
export interface DatabaseServer {
  readonly flavour: Flavour;
  readonly process: Supervised;
  readonly host: string;
  readonly port: number;
  /** The local way in for the server's own root, who has no password there and no way in over TCP. */
  readonly socket: string;
}

/** As much of a server as it takes to talk to it over TCP: also one that this lab did not start. */
export type ReachableServer = Pick<DatabaseServer, 'flavour' | 'host' | 'port'> & {
  readonly process: Pick<Supervised, 'name'>;
};

export interface ServerOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly port: number;
  /** Unique in its cluster: MariaDB skips events that carry its own id. */
  readonly serverId: number;
  readonly maxConnections?: number;
}

export interface Account {
  readonly user: string;
  readonly password: string;
}

export interface Accounts {
  /** The orchestrator's account. On MariaDB it can write under read_only: never use it for data. */
  readonly admin: Account;
  readonly replication: Account;
  readonly application: Account;
}

export const JOURNAL_SCHEMA = 'siteshift';

const HOST = '127.0.0.1';

export const databaseServer = (
  flavour: Flavour,
  process: Supervised,
  options: ServerOptions,
): DatabaseServer => ({
  flavour,
  process,
  host: HOST,
  port: options.port,
  socket: socketPath(options.dataDir),
});

/** A unix socket's path must stay under 108 characters; data folders of tests are often longer. */
export function socketPath(dataDir: string): string {
  const inside = join(dataDir, 'server.sock');
  if (inside.length < 100) return inside;
  return join(tmpdir(), `siteshift-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}.sock`);
}

/** Not about the server: the lab's own process may be busy for seconds, reading the definitions of its clusters. */
const CONNECT_MS = 30_000;

/** One connection for some statements, closed whatever happens. */
export async function withConnection<Result>(
  to:
    | { readonly socketPath: string; readonly user: string }
    | (Account & { readonly host: string; readonly port: number }),
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await createConnection({ ...to, connectTimeout: CONNECT_MS });
  try {
    return await work(connection);
  } finally {
    connection.destroy();
  }
}

export const asRoot = <Result>(
  server: { readonly socket: string },
  work: (connection: Connection) => Promise<Result>,
) => withConnection({ socketPath: server.socket, user: 'root' }, work);

export const asAccount = <Result>(
  server: Pick<DatabaseServer, 'host' | 'port'>,
  account: Account,
  work: (connection: Connection) => Promise<Result>,
) => withConnection({ host: server.host, port: server.port, ...account }, work);

/** The first row of a query; names of columns as the server spells them. */
export async function firstRow(
  connection: Connection,
  sql: string,
  values: string[] = [],
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const [rows] = await connection.query(sql, values);
  return (rows as Record<string, unknown>[])[0];
}

/** Runs statements one after the other; a failure names the statement (passwords are placeholders in it). */
export async function runStatements(
  connection: Connection,
  statements: readonly (string | readonly [sql: string, values: readonly (string | number)[]])[],
): Promise<void> {
  for (const statement of statements) {
    const [sql, values] = typeof statement === 'string' ? [statement, []] : statement;
    await connection.query(sql, [...values]).catch((cause: unknown) => {
      throw new Error(`failed on the lab's database server: ${sql}`, { cause });
    });
  }
}

/** Ready means that it answers on TCP: to be refused as a user is an answer. */
export async function checkAnswers(port: number): Promise<void> {
  try {
    await withConnection({ host: HOST, port, user: 'siteshift_ready', password: '' }, async () => undefined);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

/** MySQL knows root@localhost only while it is fresh, and then refuses the address rather than the user. */
const REFUSALS = ['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR', 'ER_HOST_NOT_PRIVILEGED'];

const isRefusal = (error: unknown) =>
  error instanceof Error && 'code' in error && REFUSALS.includes(String(error.code));
