import {
  countBeyond,
  formatGtids,
  gtidsBeyond,
  highestByDomain,
  missingGtids,
  parseGtids,
  unionOfGtids,
} from '../../domain/promotion/mariadb-gtid.ts';
import { firstRow, textCell, tolerate, type DatabaseConnection } from './connection.ts';
import type { DatabaseDriver, ReplicationSource } from './driver.ts';
import { clearMariadbSessions, freezeMariadb } from './mariadb-freeze.ts';
import { inspectMariadb, mariadbClosedAt, mariadbPosition, observeMariadb } from './mariadb-observe.ts';
import { captureReceived, resumeApplier } from './mariadb-received.ts';

const NOT_CONFIGURED = 1200;
const FOREVER_MS = 4_294_967_295;

const changeTo = (connection: DatabaseConnection, source: ReplicationSource, rest: string) =>
  connection.query(
    `CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?,
     MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos${rest}`,
    [source.host, source.port, source.user, source.password],
  );

/** MASTER_DEMOTE_TO_SLAVE came with 10.10; before it the own position is copied by hand. */
async function demoteTo(connection: DatabaseConnection, source: ReplicationSource): Promise<void> {
  const row = await firstRow(connection, 'SELECT @@version AS version, @@GLOBAL.gtid_binlog_pos AS position');
  const [major = 0, minor = 0] = textCell(row, 'version').split('.').map(Number);
  if (major > 10 || (major === 10 && minor >= 10)) {
    await changeTo(connection, source, ', MASTER_DEMOTE_TO_SLAVE = 1');
    return;
  }
  await connection.query('SET GLOBAL gtid_slave_pos = ?', [textCell(row, 'position')]);
  await changeTo(connection, source, '');
}

/** MariaDB 10.10 and newer. The orchestrator's account has READ_ONLY ADMIN and is not stopped by read_only. */
export const mariadbDriver = (accounts: {
  readonly admin: string;
  readonly replication: string;
}): DatabaseDriver => ({
  engine: 'mariadb',
  observe: observeMariadb,
  inspect: (connection, seen) => inspectMariadb(connection, seen, accounts),
  position: mariadbPosition,
  closedAt: mariadbClosedAt,

  difference: async (_connection, have, need) => {
    const missing = missingGtids(have.state, need);
    // The distance by sequence; at least what is named, because a diverged server may be as far by sequence.
    const count = Math.max(missing.length, countBeyond(formatGtids(missing), have.state));
    return { missing: formatGtids(missing), missingCount: missing.length === 0 ? 0 : count };
  },
  receivedDifference: async (_connection, have, need) => {
    const reached = highestByDomain(have);
    const missing = parseGtids(need).filter(({ domain, sequence }) => sequence > (reached.get(domain) ?? 0n));
    return { missing: formatGtids(missing), missingCount: countBeyond(need, have) };
  },
  proveAgainst: async (connection, { last }) => {
    const position = await mariadbPosition(connection);
    return {
      missing: formatGtids(missingGtids(position.state, last)),
      extra: formatGtids(gtidsBeyond(position.state, last)),
      position: position.last,
    };
  },
  errant: async (_connection, replica, source, sourceIdentity) =>
    formatGtids(
      missingGtids(source.state, replica.last).filter(({ server }) => String(server) !== sourceIdentity),
    ),
  // In strict mode an own write stays the last of its domain: what follows from the source is refused.
  ownErrant: async (_connection, own, others, identity) =>
    formatGtids(missingGtids(others.state, own.last).filter(({ server }) => String(server) === identity)),
  union: async (_connection, lists) => unionOfGtids(lists),
  waitFor: async (connection, last, timeoutMs) => {
    const row = await firstRow(
      connection,
      'SELECT MASTER_GTID_WAIT(?, ?) AS reached', // 0 reached, -1 time-out; no proof, see missingGtids
      [last, timeoutMs / 1_000],
      timeoutMs + 5_000,
    );
    return textCell(row, 'reached') === '0';
  },

  rotateBinlog: async (connection) => {
    await connection.query('FLUSH LOCAL BINARY LOGS'); // without LOCAL it could write a GTID of its own
  },
  freeze: freezeMariadb,
  unfreeze: async (connection) => {
    await connection.query('SET GLOBAL read_only = 0');
  },
  clearSessions: clearMariadbSessions,

  captureReceived,
  revoke: (connection) => tolerate(connection.query('STOP SLAVE IO_THREAD', [], 30_000), NOT_CONFIGURED),
  resumeApplier,

  stopReplication: (connection) => tolerate(connection.query('STOP SLAVE', [], 30_000), NOT_CONFIGURED),
  dropReplication: (connection) => tolerate(connection.query('RESET SLAVE ALL'), NOT_CONFIGURED),
  pointTo: async (connection, source) => {
    await changeTo(connection, source, '');
  },
  demoteTo,
  startReplication: async (connection) => {
    await connection.query('START SLAVE');
  },

  armSemiSync: async (connection) => {
    await connection.query(
      `SET GLOBAL rpl_semi_sync_slave_enabled = 0, GLOBAL rpl_semi_sync_master_timeout = ${FOREVER_MS},
       GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC', GLOBAL rpl_semi_sync_master_enabled = 1`,
    );
  },
  relieveSemiSync: async (connection) => {
    await connection.query(
      'SET GLOBAL rpl_semi_sync_master_enabled = 0, GLOBAL rpl_semi_sync_slave_enabled = 1',
    );
  },
  semiSyncClients: async (connection) =>
    Number(
      textCell(await firstRow(connection, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'"), 'Value'),
    ),

  // The account writes under read_only anyway; ordinary clients stay out until `open`.
  admitOrchestrator: async () => undefined,
  open: async (connection) => {
    await connection.query('SET GLOBAL read_only = 0');
  },
  close: async (connection) => {
    await connection.query('SET GLOBAL read_only = 1');
  },
});
