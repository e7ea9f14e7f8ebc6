import type { ChannelFacts, Position, SemiSyncFacts, ServerFacts } from '../../domain/promotion/facts.ts';
import { formatGtids, knownGtids, parseGtids } from '../../domain/promotion/mariadb-gtid.ts';
import { commitsHang, type Inspection } from '../../domain/promotion/preflight.ts';
import { firstRow, isOn, textCell, type DatabaseConnection, type Row } from './connection.ts';

const settings = [
  'gtid_strict_mode',
  'log_bin',
  'log_slave_updates',
  'binlog_format',
  'relay_log_recovery',
  'sync_binlog',
  'innodb_flush_log_at_trx_commit',
  'slave_parallel_threads',
];

async function pairs(connection: DatabaseConnection, sql: string): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.query(sql);
  return new Map(rows.map((row) => [textCell(row, 'Variable_name').toLowerCase(), textCell(row, 'Value')]));
}

const POSITION =
  '@@GLOBAL.gtid_binlog_pos AS last, @@GLOBAL.gtid_binlog_state AS state, @@GLOBAL.gtid_slave_pos AS replicated';

// What was replicated before the binary log begins (a clone) is only in gtid_slave_pos.
// Sorted, so that equal positions are equal texts.
const positionOf = (row: Row): Position => ({
  last: formatGtids(
    parseGtids(textCell(row, 'last') || textCell(row, 'replicated')).toSorted((a, b) => a.domain - b.domain),
  ),
  state: knownGtids(textCell(row, 'state'), textCell(row, 'replicated')),
});

export const mariadbPosition = async (connection: DatabaseConnection): Promise<Position> =>
  positionOf(await firstRow(connection, `SELECT ${POSITION}`));

export async function mariadbClosedAt(
  connection: DatabaseConnection,
): Promise<{ readonly position: Position; readonly frozen: boolean }> {
  const row = await firstRow(connection, `SELECT ${POSITION}, @@GLOBAL.read_only AS closed`);
  return { position: positionOf(row), frozen: isOn(row['closed']) };
}

export async function observeMariadb(connection: DatabaseConnection): Promise<ServerFacts> {
  const row = await firstRow(
    connection,
    `SELECT ${POSITION}, @@GLOBAL.server_id AS identity, @@version AS version, @@GLOBAL.read_only AS closed`,
  );
  const names = `'${settings.join("', '")}'`;
  const variables = await pairs(
    connection,
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names}) OR Variable_name LIKE 'rpl_semi_sync%'`,
  );
  const status = await pairs(connection, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%'");
  const closed = isOn(row['closed']);
  return {
    identity: textCell(row, 'identity'),
    version: textCell(row, 'version'),
    writable: !closed,
    frozen: closed,
    executed: positionOf(row),
    channels: await mariadbChannels(connection),
    semiSync: semiSyncFacts(variables, status),
    settings: Object.fromEntries([...variables].filter(([name]) => settings.includes(name))),
  };
}

export const mariadbChannels = async (connection: DatabaseConnection): Promise<readonly ChannelFacts[]> =>
  (await connection.query('SHOW ALL SLAVES STATUS')).map(channelFacts);

function channelFacts(row: Row): ChannelFacts {
  const io = textCell(row, 'Slave_IO_Running');
  const filters = ['Do_DB', 'Ignore_DB', 'Do_Table', 'Ignore_Table', 'Wild_Do_Table', 'Wild_Ignore_Table'];
  return {
    name: textCell(row, 'Connection_name'),
    sourceHost: textCell(row, 'Master_Host'),
    sourcePort: Number(textCell(row, 'Master_Port')),
    sourceIdentity: textCell(row, 'Master_Server_Id'),
    // "Preparing" is a receiver that has just been started.
    receiver: io === 'Yes' ? 'on' : io === 'No' ? 'off' : 'connecting',
    receiverError: textCell(row, 'Last_IO_Error'),
    applier: isOn(textCell(row, 'Slave_SQL_Running')) ? 'on' : 'off',
    applierErrno: Number(textCell(row, 'Last_SQL_Errno')),
    applierError: textCell(row, 'Last_SQL_Error'),
    received: textCell(row, 'Gtid_IO_Pos'),
    usesGtid: isOn(textCell(row, 'Using_Gtid')),
    delaySeconds: Number(textCell(row, 'SQL_Delay')),
    filters: filters
      .filter((name) => textCell(row, `Replicate_${name}`) !== '')
      .map((name) => `Replicate_${name}=${textCell(row, `Replicate_${name}`)}`)
      .join(' '),
    relayFile: textCell(row, 'Relay_Log_File'),
    relayPosition: textCell(row, 'Relay_Log_Pos'),
    appliedSourceFile: textCell(row, 'Relay_Master_Log_File'),
  };
}

function semiSyncFacts(
  variables: ReadonlyMap<string, string>,
  status: ReadonlyMap<string, string>,
): SemiSyncFacts {
  return {
    installed: variables.has('rpl_semi_sync_master_enabled'),
    sourceEnabled: isOn(variables.get('rpl_semi_sync_master_enabled')),
    replicaEnabled: isOn(variables.get('rpl_semi_sync_slave_enabled')),
    timeoutMs: variables.get('rpl_semi_sync_master_timeout') ?? '',
    waitPoint: variables.get('rpl_semi_sync_master_wait_point') ?? '',
    clients: Number(status.get('rpl_semi_sync_master_clients') ?? 0),
    required: 1, // MariaDB always waits for exactly one
    active: isOn(status.get('rpl_semi_sync_master_status')),
  };
}

export async function inspectMariadb(
  connection: DatabaseConnection,
  { semiSync }: ServerFacts,
  accounts: { readonly admin: string; readonly replication: string },
): Promise<Inspection> {
  const prepared = await connection.query('XA RECOVER');
  const long = await connection.query(
    `SELECT t.trx_mysql_thread_id AS id, p.user AS user, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds
       FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
      WHERE t.trx_started < NOW() - INTERVAL 3 SECOND ORDER BY t.trx_started LIMIT 10`,
  );
  const bypass = await connection.query(
    `SELECT DISTINCT grantee FROM information_schema.user_privileges
      WHERE privilege_type = 'READ_ONLY ADMIN' AND grantee NOT LIKE CONCAT("'", ?, "'@%")
        AND grantee NOT LIKE "'mariadb.sys'@%"`,
    [accounts.admin],
  );
  const grantees = bypass.map((row) => textCell(row, 'grantee', 'GRANTEE'));
  const users = grantees.map((grantee) => grantee.slice(1, grantee.indexOf("'@")));
  const sessions = await connection.query(
    `SELECT id, user, time, command FROM information_schema.processlist
      WHERE user IN (?) AND command NOT LIKE 'Binlog Dump%' LIMIT 10`,
    [users.length === 0 ? [''] : users],
  );
  const filters = commitsHang(semiSync) ? [] : await connection.query('SHOW MASTER STATUS');
  const events = await connection.query(
    "SELECT COUNT(*) AS enabled FROM information_schema.events WHERE status = 'ENABLED'",
  );
  return {
    preparedTransactions: prepared.length,
    longTransactions: long.map(
      (row) => `session ${textCell(row, 'id')} of ${textCell(row, 'user')}, ${textCell(row, 'seconds')} s`,
    ),
    bypassAccounts: grantees,
    bypassSessions: sessions.map(
      (row) => `session ${textCell(row, 'id')} of ${textCell(row, 'user')} (${textCell(row, 'command')})`,
    ),
    binlogFilters: filters
      .flatMap((row) =>
        ['Binlog_Do_DB', 'Binlog_Ignore_DB']
          .filter((name) => textCell(row, name) !== '')
          .map((name) => `${name}=${textCell(row, name)}`),
      )
      .join(' '),
    replicationSurvivesOffline: true,
    enabledEvents: Number(events[0]?.['enabled'] ?? 0),
  };
}
