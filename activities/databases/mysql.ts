import { countGtids, onlyServer, plainGtidSet, withoutServer } from '../../domain/promotion/mysql-gtid.ts';
import { firstRow, textCell, tolerate, type DatabaseConnection } from './connection.ts';
import type { DatabaseDriver, Difference, ReplicationSource } from './driver.ts';
import { clearMysqlSessions, freezeMysql } from './mysql-freeze.ts';
import { inspectMysql, mysqlClosedAt, mysqlPosition, observeMysql, semiSyncNames } from './mysql-observe.ts';

/** Benign: is stopped already (3084 is a warning), nothing is configured, has been done by an earlier attempt. */
const NOT_CONFIGURED = 1200;
/** The longest that the variable can hold, 49 days: an isolated primary must never acknowledge by itself. */
const FOREVER_MS = 4_294_967_295;

async function subtract(connection: DatabaseConnection, from: string, what: string): Promise<string> {
  const row = await firstRow(connection, 'SELECT GTID_SUBTRACT(?, ?) AS difference', [from, what]);
  return plainGtidSet(textCell(row, 'difference'));
}

async function difference(connection: DatabaseConnection, have: string, need: string): Promise<Difference> {
  const missing = await subtract(connection, need, have);
  return { missing, missingCount: countGtids(missing) };
}

const pointTo = (connection: DatabaseConnection, source: ReplicationSource) =>
  connection.query(
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
     SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400`,
    [source.host, source.port, source.user, source.password],
  );

/** MySQL 8.4 and newer: REPLICA/SOURCE statements only. */
export const mysqlDriver = (accounts: {
  readonly admin: string;
  readonly replication: string;
}): DatabaseDriver => ({
  engine: 'mysql',
  observe: observeMysql,
  inspect: (connection, seen) => inspectMysql(connection, seen, accounts),
  position: mysqlPosition,
  closedAt: mysqlClosedAt,

  difference: (connection, have, need) => difference(connection, have.last, need),
  receivedDifference: difference,
  proveAgainst: async (connection, { last }) => {
    const row = await firstRow(
      connection,
      `SELECT @@GLOBAL.gtid_executed AS position, GTID_SUBTRACT(?, @@GLOBAL.gtid_executed) AS missing,
              GTID_SUBTRACT(@@GLOBAL.gtid_executed, ?) AS extra`,
      [last, last],
    );
    const text = (name: string) => plainGtidSet(textCell(row, name));
    return { missing: text('missing'), extra: text('extra'), position: text('position') };
  },
  errant: async (connection, replica, source, sourceIdentity) =>
    // A replica may apply what its source has logged and not committed yet: that is not errant.
    withoutServer(await subtract(connection, replica.last, source.last), sourceIdentity),
  ownErrant: async (connection, own, others, identity) =>
    onlyServer(await subtract(connection, own.last, others.last), identity),
  union: (connection, lists) => subtract(connection, lists.filter(Boolean).join(','), ''),
  waitFor: async (connection, last, timeoutMs) => {
    const row = await firstRow(
      connection,
      'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS timed_out', // reads inverted: 0 is reached, 1 is the time-out
      [last, timeoutMs / 1_000],
      timeoutMs + 5_000,
    );
    return textCell(row, 'timed_out') === '0';
  },

  rotateBinlog: async (connection) => {
    await connection.query('FLUSH LOCAL BINARY LOGS'); // without LOCAL it would write a GTID of its own
  },
  freeze: freezeMysql,
  unfreeze: async (connection) => {
    await connection.query(
      'SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF, GLOBAL offline_mode = OFF',
    );
  },
  clearSessions: clearMysqlSessions,

  captureReceived: async (connection) => {
    const facts = await observeMysql(connection);
    const lists = [facts.executed.last, ...facts.channels.map((channel) => channel.received)];
    const broken = facts.channels.find((channel) => channel.applierErrno !== 0);
    const total = await subtract(connection, lists.filter(Boolean).join(','), '');
    return {
      total,
      fromSource: withoutServer(total, facts.identity),
      applierErrno: broken?.applierErrno ?? 0,
      applierError: broken?.applierError ?? '',
    };
  },
  revoke: (connection) => tolerate(connection.query('STOP REPLICA IO_THREAD', [], 30_000), NOT_CONFIGURED),
  resumeApplier: async (connection) => {
    const { channels } = await observeMysql(connection);
    if (channels.some((channel) => channel.applierErrno !== 0)) return false;
    if (channels.some((channel) => channel.applier === 'off'))
      await tolerate(connection.query('START REPLICA SQL_THREAD'), NOT_CONFIGURED);
    return true;
  },

  stopReplication: (connection) => tolerate(connection.query('STOP REPLICA', [], 30_000), NOT_CONFIGURED),
  dropReplication: (connection) => tolerate(connection.query('RESET REPLICA ALL'), NOT_CONFIGURED),
  pointTo: async (connection, source) => {
    await pointTo(connection, source);
  },
  demoteTo: async (connection, source) => {
    await pointTo(connection, source);
  },
  startReplication: async (connection) => {
    await connection.query('START REPLICA');
  },

  armSemiSync: async (connection, ackers) => {
    const names = await semiSyncNames(connection);
    if (names === undefined)
      throw new Error(
        `${connection.node}: the semi-sync plugins are not installed, and the inventory says semisync`,
      );
    const { source, replica } = names;
    const count = source.endsWith('source') ? 'replica' : 'slave';
    await connection.query(
      `SET GLOBAL ${replica}_enabled = OFF, GLOBAL ${source}_timeout = ${FOREVER_MS},
       GLOBAL ${source}_wait_point = 'AFTER_SYNC', GLOBAL ${source}_wait_for_${count}_count = ${ackers},
       GLOBAL ${source}_enabled = ON`,
    );
  },
  relieveSemiSync: async (connection) => {
    const names = await semiSyncNames(connection);
    if (names === undefined) return;
    await connection.query(`SET GLOBAL ${names.source}_enabled = OFF, GLOBAL ${names.replica}_enabled = ON`);
  },
  semiSyncClients: async (connection) => {
    const names = await semiSyncNames(connection);
    if (names === undefined) return 0;
    const row = await firstRow(connection, `SHOW GLOBAL STATUS LIKE '${names.source}_clients'`);
    return Number(textCell(row, 'Value'));
  },

  // The persisted value stays ON in all of these: a restarted server comes back closed.
  admitOrchestrator: async (connection) => {
    await connection.query('SET GLOBAL super_read_only = OFF'); // read_only stays ON
  },
  open: async (connection) => {
    await connection.query(
      'SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF, GLOBAL offline_mode = OFF',
    );
  },
  close: async (connection) => {
    await connection.query('SET GLOBAL super_read_only = ON');
  },
});
