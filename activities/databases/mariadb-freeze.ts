import {
  isStatementError,
  noSuchSession,
  textCell,
  tolerate,
  type DatabaseConnection,
} from './connection.ts';
import { FreezeBlocked } from './driver.ts';

const LOCK_WAIT_TIMEOUT = 1205;

/** Waits behind running writes, LOCK TABLES and sessions that wait for an acknowledgement; all new writes queue behind it. */
export async function freezeMariadb(connection: DatabaseConnection, timeoutMs: number): Promise<void> {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1_000));
  await connection.query(`SET SESSION lock_wait_timeout = ${seconds}`);
  try {
    await connection.query('SET GLOBAL read_only = 1', [], seconds * 1_000 + 5_000);
  } catch (error) {
    if (!isStatementError(error, LOCK_WAIT_TIMEOUT)) throw error;
    const blockers = await possibleBlockers(connection).catch((cause: unknown) => [
      `unknown (${String(cause)})`,
    ]);
    throw new FreezeBlocked(
      `${connection.node}: the freeze waited ${seconds} s behind a write or a lock; sessions that may hold it: ${blockers.join('; ') || 'none any more'}`,
      { cause: error },
    );
  }
}

/** MariaDB names lock holders only with a plugin; the longest sessions, idle ones included, are the best guess. */
async function possibleBlockers(connection: DatabaseConnection): Promise<string[]> {
  const rows = await connection.query(
    `SELECT id, user, time, command, state FROM information_schema.processlist
      WHERE id <> CONNECTION_ID() AND command NOT LIKE 'Binlog Dump%' AND command <> 'Daemon'
        AND user NOT IN ('system user', 'event_scheduler')
      ORDER BY time_ms DESC LIMIT 5`,
  );
  return rows.map((row) => {
    const state = textCell(row, 'state');
    const doing = /semi-sync/i.test(state)
      ? 'waits for a semi-sync acknowledgement'
      : textCell(row, 'command') === 'Sleep'
        ? 'is idle (LOCK TABLES?)'
        : `runs a statement${state === '' ? '' : ` (${state})`}`;
    return `session ${textCell(row, 'id')} of ${textCell(row, 'user')}, which ${doing} for ${textCell(row, 'time')} s`;
  });
}

/** Polls until nobody is left: accounts with READ_ONLY ADMIN could still write, and the position is read afterwards. */
export async function clearMariadbSessions(
  connection: DatabaseConnection,
  _how: 'kill' | 'offline', // MariaDB has no offline_mode
  keepUsers: readonly string[],
): Promise<number> {
  const deadline = Date.now() + 3_000;
  const killed = new Set<number>();
  let highest = 0;
  for (;;) {
    const rows = await connection.query(
      `SELECT id, user FROM information_schema.processlist
        WHERE id <> CONNECTION_ID() AND command NOT LIKE 'Binlog Dump%' AND command NOT IN ('Daemon', 'Connect')
          AND user NOT IN ('system user', 'event_scheduler', 'unauthenticated user', ?)`,
      [keepUsers],
    );
    const ids = rows.map((row) => Number(textCell(row, 'id')));
    if (highest === 0) highest = Math.max(0, ...ids);
    // Clients that come back are new sessions that find the server closed.
    const left = ids.filter((id) => id <= highest);
    if (left.length === 0) return killed.size;
    if (Date.now() > deadline)
      throw new Error(
        `${connection.node}: sessions ${left.slice(0, 5).join(', ')} are still there 3 s after KILL`,
      );
    for (const id of left) {
      if (killed.has(id)) continue;
      killed.add(id);
      await tolerate(connection.query(`KILL HARD CONNECTION ${id}`), noSuchSession);
    }
  }
}
