import {
  isStatementError,
  noSuchSession,
  textCell,
  tolerate,
  type DatabaseConnection,
} from './connection.ts';
import { FreezeBlocked } from './driver.ts';

const LOCK_WAIT_TIMEOUT = 1205;
const NOT_OURS_TO_END = 1095;

/**
 * Writes that run delay it, and all new writes queue up behind it: hence the bound. super_read_only stops every
 * account, the orchestrator's too; persisted, so that a restart does not lift the fence.
 */
export async function freezeMysql(connection: DatabaseConnection, timeoutMs: number): Promise<void> {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1_000));
  await connection.query(`SET SESSION lock_wait_timeout = ${seconds}`);
  try {
    await connection.query('SET PERSIST super_read_only = ON', [], seconds * 1_000 + 5_000);
  } catch (error) {
    if (!isStatementError(error, LOCK_WAIT_TIMEOUT)) throw error;
    const blockers = await freezeBlockers(connection).catch((cause: unknown) => [
      `unknown (${String(cause)})`,
    ]);
    throw new FreezeBlocked(
      `${connection.node}: the freeze waited ${seconds} s behind ${blockers.join('; ') || 'a lock whose holder is gone now'}`,
      { cause: error },
    );
  }
}

/** Who holds what the freeze waits for: the global intention lock of a running write or of LOCK TABLES. */
async function freezeBlockers(connection: DatabaseConnection): Promise<string[]> {
  const rows = await connection.query(
    `SELECT DISTINCT p.id, p.user, p.time, p.command, p.state
       FROM performance_schema.metadata_locks l
       JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
       JOIN performance_schema.processlist p ON p.id = t.processlist_id
      WHERE l.object_type IN ('GLOBAL', 'COMMIT') AND l.lock_type IN ('INTENTION_EXCLUSIVE', 'SHARED')
        AND l.lock_status = 'GRANTED' AND p.id <> CONNECTION_ID()
      ORDER BY p.time DESC LIMIT 5`,
  );
  return rows.map((row) => {
    const state = textCell(row, 'state');
    const doing = /semi-sync/i.test(state)
      ? 'waits for a semi-sync acknowledgement'
      : textCell(row, 'command') === 'Sleep'
        ? 'holds LOCK TABLES while idle'
        : `runs a write${state === '' ? '' : ` (${state})`}`;
    return `session ${textCell(row, 'id')} of ${textCell(row, 'user')}, which ${doing} for ${textCell(row, 'time')} s`;
  });
}

/**
 * Killed clients may be back at once and find the server closed, so it is done when none is left of those who were
 * there; offline_mode also keeps them out. Either leaves sessions with SYSTEM_USER, e.g. root's, where our account has
 * it not: super_read_only stops them from writing, too.
 */
export async function clearMysqlSessions(
  connection: DatabaseConnection,
  how: 'kill' | 'offline',
  keepUsers: readonly string[],
): Promise<number> {
  if (how === 'offline') {
    const before = await clientSessions(connection, keepUsers);
    await connection.query('SET GLOBAL offline_mode = ON');
    return before.length;
  }
  const sessions = await clientSessions(connection, keepUsers);
  for (const id of sessions)
    await tolerate(connection.query(`KILL CONNECTION ${id}`), noSuchSession, NOT_OURS_TO_END);
  return sessions.length;
}

async function clientSessions(
  connection: DatabaseConnection,
  keepUsers: readonly string[],
): Promise<readonly number[]> {
  const rows = await connection.query(
    `SELECT id FROM performance_schema.processlist
      WHERE id <> CONNECTION_ID() AND command NOT LIKE 'Binlog Dump%' AND command NOT IN ('Daemon', 'Connect')
        AND user NOT IN ('system user', 'event_scheduler', 'unauthenticated user', ?)`,
    [keepUsers],
  );
  return rows.map((row) => Number(textCell(row, 'id', 'ID')));
}
