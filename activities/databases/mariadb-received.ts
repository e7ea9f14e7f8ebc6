import { countBeyond, formatGtids, parseGtids, unionOfGtids } from '../../domain/promotion/mariadb-gtid.ts';
import { firstRow, isStatementError, textCell, tolerate, type DatabaseConnection } from './connection.ts';
import type { ReceivedFacts, ReceivedNote } from './driver.ts';
import { mariadbChannels, mariadbPosition } from './mariadb-observe.ts';
import { readRelayLog } from './mariadb-relay-log.ts';

const BAD_SLAVE = 1200; // no replication is configured
const NO_SUCH_TABLE = [1146, 1049];

/**
 * What this survivor holds. Kept in a local table (outside the binary log) before a thread is touched: MariaDB
 * forgets it with a restart or with the next start of a stopped replica, and then nothing shows that rows are gone.
 */
export async function captureReceived(
  connection: DatabaseConnection,
  note: ReceivedNote,
): Promise<ReceivedFacts> {
  const channels = await mariadbChannels(connection);
  const { last, replicated, identity } = await ownPosition(connection);
  const known = await readNote(connection, note);
  const received = await Promise.all(
    channels.map(async (channel) => {
      const stopped = channel.receiver === 'off' && channel.applier === 'off';
      return channel.received === '' && stopped ? readRelayLog(connection, channel) : channel.received;
    }),
  );
  const foreign = formatGtids(parseGtids(last).filter(({ server }) => String(server) !== identity));
  const fromSource = unionOfGtids([foreign, replicated, known, ...received]);
  if (fromSource !== known) await writeNote(connection, note, fromSource);
  const broken = channels.find((channel) => channel.applierErrno !== 0);
  return {
    total: unionOfGtids([fromSource, last]),
    fromSource,
    applierErrno: broken?.applierErrno ?? 0,
    applierError: broken?.applierError ?? '',
  };
}

async function ownPosition(
  connection: DatabaseConnection,
): Promise<{ readonly last: string; readonly replicated: string; readonly identity: string }> {
  const row = await firstRow(
    connection,
    'SELECT @@GLOBAL.gtid_binlog_pos AS last, @@GLOBAL.gtid_slave_pos AS replicated, @@GLOBAL.server_id AS identity',
  );
  return {
    last: textCell(row, 'last'),
    replicated: textCell(row, 'replicated'),
    identity: textCell(row, 'identity'),
  };
}

/** '' where nothing was written down yet. */
async function readNote(connection: DatabaseConnection, note: ReceivedNote): Promise<string> {
  try {
    const rows = await connection.query(
      'SELECT position FROM ??.received WHERE epoch = ? AND operation = ?',
      [note.schema, note.epoch, note.operation],
    );
    return textCell(rows[0], 'position');
  } catch (error) {
    if (isStatementError(error, ...NO_SUCH_TABLE)) return '';
    throw error;
  }
}

const writeNote = (connection: DatabaseConnection, note: ReceivedNote, total: string): Promise<void> =>
  withoutBinlog(connection, async () => {
    await connection.query('CREATE DATABASE IF NOT EXISTS ??', [note.schema]);
    await connection.query(
      `CREATE TABLE IF NOT EXISTS ??.received (
         epoch BIGINT UNSIGNED NOT NULL, operation VARCHAR(255) NOT NULL, position TEXT NOT NULL,
         PRIMARY KEY (epoch, operation)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
      [note.schema],
    );
    await connection.query('REPLACE INTO ??.received (epoch, operation, position) VALUES (?, ?, ?)', [
      note.schema,
      note.epoch,
      note.operation,
      total,
    ]);
    await connection.query('DELETE FROM ??.received WHERE epoch < ?', [note.schema, note.epoch]);
  });

/** A lost session takes the setting with it; a kept one must not write its journal row past the binary log. */
async function withoutBinlog(connection: DatabaseConnection, work: () => Promise<void>): Promise<void> {
  await connection.query('SET SESSION lock_wait_timeout = 10, SESSION sql_log_bin = 0');
  try {
    await work();
  } finally {
    await connection.query('SET SESSION sql_log_bin = 1');
  }
}

/**
 * Starts a stopped applier without losing what it has not applied. Two ways, and the wrong one destroys rows: while
 * the receiver still runs, START SLAVE SQL_THREAD keeps the relay log; once both threads are stopped, any plain START
 * throws it away, so the applier is sent back to its place in the relay log by file and position.
 * @returns false when the applier stopped by an error: starting it again would meet the same error
 */
export async function resumeApplier(connection: DatabaseConnection, note: ReceivedNote): Promise<boolean> {
  const [channel] = await mariadbChannels(connection);
  if (channel === undefined) return true; // detached by an earlier attempt, after it had everything
  if (channel.applier === 'on') return true;
  if (channel.applierErrno !== 0) return false;
  if (channel.receiver !== 'off') {
    await tolerate(connection.query('START SLAVE SQL_THREAD'), BAD_SLAVE);
    return true;
  }
  const applied = await mariadbPosition(connection);
  const total = await readNote(connection, note);
  if (countBeyond(total, unionOfGtids([applied.last, applied.state])) === 0) return true;
  // A restarted replica has forgotten its source's log file; without one the parallel applier crashes the server
  // (10.11.19: signal 11 in compare_log_name). The file is only named, nothing is asked for by it.
  await connection.query(
    `CHANGE MASTER TO MASTER_USE_GTID = no, MASTER_LOG_FILE = ?, MASTER_LOG_POS = 4,
     RELAY_LOG_FILE = ?, RELAY_LOG_POS = ${Number(channel.relayPosition)}`,
    [channel.appliedSourceFile || 'received.000001', channel.relayFile],
  );
  await connection.query('START SLAVE SQL_THREAD');
  return true;
}
