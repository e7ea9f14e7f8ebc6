import type { Connection } from 'mysql2';
import type { PoolConnection } from 'mysql2/promise';
import type { DatasourceDocument } from '../../domain/datasource.ts';

/** Not mysql2's types for rows: a server may answer with texts or numbers. */
interface Answer {
  readonly identity?: unknown;
  readonly closed?: unknown;
}

const questions = {
  mysql: 'SELECT @@GLOBAL.server_uuid AS identity, @@GLOBAL.read_only AS closed',
  mariadb: 'SELECT @@GLOBAL.server_id AS identity, @@GLOBAL.read_only AS closed',
} as const;

/** What the server calls itself, and whether it is closed, in its own words. */
export async function askServer(
  connection: PoolConnection,
  engine: DatasourceDocument['engine'],
): Promise<{ readonly identity: string; readonly closed: string }> {
  // By the connection underneath: a promise of mysql2 records a stack, which costs as much as the question itself.
  const plain = connection.connection as unknown as Connection;
  const rows = await new Promise<readonly Answer[]>((resolve, reject) => {
    plain.query(questions[engine], (error, found) => {
      if (error === null) resolve(found as readonly Answer[]);
      else reject(error);
    });
  });
  const { identity, closed } = rows[0] ?? {};
  return { identity: String(identity), closed: String(closed) };
}

/**
 * A host and port prove nothing: behind them may be an old primary, a standby, or whatever a name resolves to now.
 * @throws Error when the server is not the one that the document names, or does not take writes
 */
export async function provePrimary(connection: PoolConnection, document: DatasourceDocument): Promise<void> {
  const { identity, closed } = await askServer(connection, document.engine);
  const where = `${document.host}:${document.port}`;
  if (identity !== document.serverIdentity) {
    throw new Error(
      `${where} is not ${document.primary}: expected server identity ${document.serverIdentity}, seen ${identity}`,
    );
  }
  // MariaDB knows more than on and off: whatever is not plainly open counts as closed.
  if (closed !== '0' && closed !== 'OFF') {
    throw new Error(
      `${document.primary} at ${where} does not take writes: expected read_only 0, seen ${closed}`,
    );
  }
}
