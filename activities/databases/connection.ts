import { createConnection, type Connection } from 'mysql2/promise';
import type { DatabaseCluster } from '../../domain/schema/inventory.ts';
import type { StepTools } from '../tools.ts';

/**
 * unreachable: no session came about. lost: the session ended or fell silent in mid-statement, so the outcome of
 * that statement is unknown. statement: the server answered with an error; nothing was done by that statement.
 */
export type DatabaseFailure = 'unreachable' | 'lost' | 'statement';

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly node: string;
  readonly failure: DatabaseFailure;
  /** The server's error number; 0 where it is not the server that complains. */
  readonly errno: number;
  constructor(node: string, failure: DatabaseFailure, errno: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.node = node;
    this.failure = failure;
    this.errno = errno;
  }
}

/** Cells are text, number or null; 64-bit numbers always come as text, hence `Number()` or `BigInt()` at the reader. */
export type Row = Readonly<Record<string, string | number | null>>;

/** One dedicated session of one attempt: locks and session variables hang on it, so it is never pooled or renewed. */
export interface DatabaseConnection {
  readonly node: string;
  readonly host: string;
  readonly port: number;
  /** The server's id of this session. */
  readonly sessionId: number;
  /** Text protocol, one statement; a changing one answers one row with `affectedRows`. `timeoutMs` (default 10 s) must exceed the statement's own bound in the server. */
  query(sql: string, values?: readonly unknown[], timeoutMs?: number): Promise<readonly Row[]>;
  /** Ends the socket at once; statements in flight reject. */
  destroy(): void;
}

/**
 * A node that is expected to be dead is not waited for, and one that has just been silent is only glanced at; any other
 * may be slow, and missing it changes the outcome.
 */
export const connectTimeoutsMs = { glance: 300, brief: 1_500, patient: 5_000 } as const;
const STATEMENT_TIMEOUT_MS = 10_000;

export async function connectTo(
  name: string,
  cluster: DatabaseCluster,
  tools: StepTools,
  connectTimeout: number = connectTimeoutsMs.patient,
): Promise<DatabaseConnection> {
  const node = cluster.nodes[name];
  if (node === undefined) throw new Error(`the cluster has no node ${name}`);
  const { host, port } = node;
  const password = await tools.secret(cluster.admin.password);
  let raw: Connection;
  try {
    raw = await createConnection({
      host,
      port,
      user: cluster.admin.user,
      password,
      connectTimeout, // also ends a server that accepts and never greets (frozen)
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      charset: 'utf8mb4',
    });
  } catch (error) {
    throw new DatabaseError(
      name,
      'unreachable',
      errnoOf(error),
      `${name} (${host}:${port}) cannot be reached: ${textOf(error)}`,
      error,
    );
  }
  return dedicated(raw, { name, host, port }, tools.signal);
}

function dedicated(
  raw: Connection,
  { name, host, port }: { readonly name: string; readonly host: string; readonly port: number },
  signal: AbortSignal,
): DatabaseConnection {
  // connection.destroy() of the driver lets a running statement go on; only its socket stops the waiting.
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined); // of interest only to a statement that waits
  const destroy = () => {
    signal.removeEventListener('abort', destroy);
    // The driver answers neither a statement in flight nor one that is sent to a destroyed session.
    ended.reject(
      new DatabaseError(
        name,
        'lost',
        0,
        `${name}: the session has been ended; its last statement is unknown`,
      ),
    );
    (raw as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    raw.destroy();
  };
  raw.on('error', () => undefined); // a session that the server ended shows at its next statement
  if (signal.aborted) destroy();
  else signal.addEventListener('abort', destroy, { once: true });

  return {
    node: name,
    host,
    port,
    sessionId: raw.threadId ?? 0,
    destroy,
    query: async (sql, values = [], timeoutMs = STATEMENT_TIMEOUT_MS) => {
      let silent: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        silent = setTimeout(() => {
          // A statement that is given up blocks the session's queue for ever, so the session goes with it.
          reject(
            new DatabaseError(
              name,
              'lost',
              0,
              `${name}: no answer within ${timeoutMs} ms to: ${brief(sql)}; its outcome is unknown`,
            ),
          );
          destroy();
        }, timeoutMs);
      });
      try {
        const answer = raw.query({ sql, values: [...values] });
        answer.catch(() => undefined); // it may still reject after silence has been declared
        const [rows] = await Promise.race([answer, silence, ended.promise]);
        if (Array.isArray(rows)) return rows as Row[];
        return [{ affectedRows: rows.affectedRows }];
      } catch (error) {
        throw error instanceof DatabaseError ? error : translate(error, name, sql);
      } finally {
        clearTimeout(silent);
      }
    },
  };
}

/** Negative numbers are the system's (ECONNRESET), not the server's; a lost session has none at all. */
function translate(error: unknown, node: string, sql: string): DatabaseError {
  const errno = errnoOf(error);
  const answered = errno > 0;
  const message = answered
    ? `${node}: ${brief(sql)} failed: ${errno} ${textOf(error)}`
    : `${node}: the session was lost during: ${brief(sql)} (${textOf(error)}); its outcome is unknown`;
  return new DatabaseError(node, answered ? 'statement' : 'lost', errno, message, error);
}

function errnoOf(error: unknown): number {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
  return Number.isFinite(errno) ? errno : 0;
}

const textOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

/** Values are placeholders in the text, so no secret can be in it. */
const brief = (sql: string): string => sql.replaceAll(/\s+/g, ' ').trim().slice(0, 90);

export const isStatementError = (error: unknown, ...errnos: readonly number[]): error is DatabaseError =>
  error instanceof DatabaseError && error.failure === 'statement' && errnos.includes(error.errno);

/** Nothing is known of the last statement, nor what the node does now; another session may be had. */
export const isSessionLost = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError && error.failure !== 'statement';

/** ER_NO_SUCH_THREAD, of KILL: it has ended meanwhile. */
export const noSuchSession = 1094;

/** Runs a statement whose refusal with one of these numbers means that things are so already. */
export async function tolerate(work: Promise<unknown>, ...errnos: readonly number[]): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isStatementError(error, ...errnos)) throw error;
  }
}

export async function firstRow(
  connection: DatabaseConnection,
  sql: string,
  values: readonly unknown[] = [],
  timeoutMs?: number,
): Promise<Row> {
  const rows = await connection.query(sql, values, timeoutMs);
  const [row] = rows;
  if (row === undefined)
    throw new Error(`${connection.node}: expected a row from: ${brief(sql)}; there was none`);
  return row;
}

export const textCell = (row: Row | undefined, ...names: readonly string[]): string => {
  for (const name of names) {
    const value = row?.[name];
    if (value !== undefined && value !== null) return String(value);
  }
  return '';
};

/** Servers say 0/1, "0"/"1", ON/OFF, Yes/No; newer MariaDB knows further words for "closed". */
export const isOn = (value: unknown): boolean =>
  !['', '0', 'off', 'no', 'null', 'undefined', 'false'].includes(String(value).toLowerCase());
