import type { ChannelFacts, Position, SemiSyncFacts, ServerFacts } from '../../domain/promotion/facts.ts';
import { plainGtidSet } from '../../domain/promotion/mysql-gtid.ts';
import { commitsHang, type Inspection } from '../../domain/promotion/preflight.ts';
import {
  firstRow,
  isOn,
  isStatementError,
  textCell,
  type DatabaseConnection,
  type Row,
} from './connection.ts';

const settings = [
  'gtid_mode',
  'enforce_gtid_consistency',
  'log_bin',
  'log_replica_updates',
  'binlog_format',
  'relay_log_recovery',
  'sync_binlog',
  'innodb_flush_log_at_trx_commit',
  'replica_parallel_workers',
  'offline_mode',
];

/** Plugins are called source/replica since 8.0.26 and master/slave before; both may still be found on 8.4. */
export interface SemiSyncNames {
  readonly source: string;
  readonly replica: string;
}
const namesOf = new WeakMap<DatabaseConnection, SemiSyncNames | undefined>();

/** undefined: no semi-sync plugin is loaded. */
export async function semiSyncNames(connection: DatabaseConnection): Promise<SemiSyncNames | undefined> {
  if (!namesOf.has(connection)) await semiSyncVariables(connection);
  return namesOf.get(connection);
}

async function semiSyncVariables(connection: DatabaseConnection): Promise<ReadonlyMap<string, string>> {
  const variables = await pairs(connection, "SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync%'");
  const names = [
    { source: 'rpl_semi_sync_source', replica: 'rpl_semi_sync_replica' },
    { source: 'rpl_semi_sync_master', replica: 'rpl_semi_sync_slave' },
  ].find(({ source, replica }) => variables.has(`${source}_enabled`) && variables.has(`${replica}_enabled`));
  namesOf.set(connection, names);
  return variables;
}

async function pairs(connection: DatabaseConnection, sql: string): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.query(sql);
  return new Map(rows.map((row) => [textCell(row, 'Variable_name').toLowerCase(), textCell(row, 'Value')]));
}

export async function mysqlPosition(connection: DatabaseConnection): Promise<Position> {
  const row = await firstRow(connection, 'SELECT @@GLOBAL.gtid_executed AS executed');
  const last = plainGtidSet(textCell(row, 'executed'));
  return { last, state: last };
}

export async function mysqlClosedAt(
  connection: DatabaseConnection,
): Promise<{ readonly position: Position; readonly frozen: boolean }> {
  const row = await firstRow(
    connection,
    `SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.read_only AS closed, @@GLOBAL.super_read_only AS frozen`,
  );
  const last = plainGtidSet(textCell(row, 'executed'));
  return { position: { last, state: last }, frozen: isOn(row['closed']) && isOn(row['frozen']) };
}

export async function observeMysql(connection: DatabaseConnection): Promise<ServerFacts> {
  // SHOW VARIABLES cuts long values, so the GTID set is selected.
  const row = await firstRow(
    connection,
    `SELECT @@GLOBAL.gtid_executed AS executed, @@server_uuid AS identity, @@version AS version,
            @@GLOBAL.read_only AS closed, @@GLOBAL.super_read_only AS frozen`,
  );
  const values = await pairs(
    connection,
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('${settings.join("', '")}')`,
  );
  const channels = (await connection.query('SHOW REPLICA STATUS')).map(channelFacts);
  const last = plainGtidSet(textCell(row, 'executed'));
  return {
    identity: textCell(row, 'identity'),
    version: textCell(row, 'version'),
    writable: !isOn(row['closed']),
    frozen: isOn(row['closed']) && isOn(row['frozen']),
    executed: { last, state: last },
    channels,
    semiSync: await semiSyncFacts(connection),
    settings: Object.fromEntries(values),
  };
}

function channelFacts(row: Row): ChannelFacts {
  const io = textCell(row, 'Replica_IO_Running');
  const filters = ['Replicate_Do_DB', 'Replicate_Ignore_DB', 'Replicate_Do_Table', 'Replicate_Ignore_Table'];
  const wild = ['Replicate_Wild_Do_Table', 'Replicate_Wild_Ignore_Table'];
  return {
    name: textCell(row, 'Channel_Name'),
    sourceHost: textCell(row, 'Source_Host'),
    sourcePort: Number(textCell(row, 'Source_Port')),
    sourceIdentity: textCell(row, 'Source_UUID'),
    receiver: io === 'Yes' ? 'on' : io === 'Connecting' ? 'connecting' : 'off',
    receiverError: textCell(row, 'Last_IO_Error'),
    applier: isOn(textCell(row, 'Replica_SQL_Running')) ? 'on' : 'off',
    applierErrno: Number(textCell(row, 'Last_SQL_Errno')),
    applierError: textCell(row, 'Last_SQL_Error'),
    received: plainGtidSet(textCell(row, 'Retrieved_Gtid_Set')),
    usesGtid: isOn(textCell(row, 'Auto_Position')),
    delaySeconds: Number(textCell(row, 'SQL_Delay')),
    filters: [...filters, ...wild]
      .filter((name) => textCell(row, name) !== '')
      .map((name) => `${name}=${textCell(row, name)}`)
      .join(' '),
    relayFile: textCell(row, 'Relay_Log_File'),
    relayPosition: textCell(row, 'Relay_Log_Pos'),
    appliedSourceFile: textCell(row, 'Relay_Source_Log_File'),
  };
}

async function semiSyncFacts(connection: DatabaseConnection): Promise<SemiSyncFacts> {
  const variables = await semiSyncVariables(connection);
  const names = namesOf.get(connection);
  const status = await pairs(connection, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%'");
  const { source, replica } = names ?? { source: '', replica: '' };
  const countName = source.endsWith('source') ? 'replica' : 'slave';
  return {
    installed: names !== undefined,
    sourceEnabled: isOn(variables.get(`${source}_enabled`)),
    replicaEnabled: isOn(variables.get(`${replica}_enabled`)),
    timeoutMs: variables.get(`${source}_timeout`) ?? '',
    waitPoint: variables.get(`${source}_wait_point`) ?? '',
    clients: Number(status.get(`${source}_clients`) ?? 0),
    required: Number(variables.get(`${source}_wait_for_${countName}_count`) ?? 1),
    active: isOn(status.get(`${source}_status`)),
  };
}

export async function inspectMysql(
  connection: DatabaseConnection,
  { semiSync }: ServerFacts,
  accounts: { readonly admin: string; readonly replication: string },
): Promise<Inspection> {
  const prepared = await preparedTransactions(connection);
  const long = await connection.query(
    `SELECT t.trx_mysql_thread_id AS id, p.user AS user, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds
       FROM information_schema.innodb_trx t JOIN performance_schema.processlist p ON p.id = t.trx_mysql_thread_id
      WHERE t.trx_started < NOW() - INTERVAL 3 SECOND ORDER BY t.trx_started LIMIT 10`,
  );
  const filters = commitsHang(semiSync) ? [] : await connection.query('SHOW BINARY LOG STATUS');
  const offline = await connection.query(
    `SELECT 1 FROM information_schema.user_privileges
      WHERE privilege_type IN ('CONNECTION_ADMIN', 'SUPER') AND grantee LIKE CONCAT("'", ?, "'@%")`,
    [accounts.replication],
  );
  const visible = await connection.query(
    'SELECT COUNT(DISTINCT grantee) AS accounts FROM information_schema.user_privileges',
  );
  const events = await connection.query(
    "SELECT COUNT(*) AS enabled FROM information_schema.events WHERE status = 'ENABLED'",
  );
  return {
    preparedTransactions: prepared,
    longTransactions: long.map(
      (row) => `session ${textCell(row, 'id')} of ${textCell(row, 'user')}, ${textCell(row, 'seconds')} s`,
    ),
    bypassAccounts: [], // super_read_only stops every account
    bypassSessions: [],
    binlogFilters: filters
      .flatMap((row) =>
        ['Binlog_Do_DB', 'Binlog_Ignore_DB']
          .filter((name) => textCell(row, name) !== '')
          .map((name) => `${name}=${textCell(row, name)}`),
      )
      .join(' '),
    // Without SELECT on mysql.* only the own grants show, and nothing can be said about the other account.
    replicationSurvivesOffline: offline.length > 0 || Number(visible[0]?.['accounts'] ?? 0) <= 1,
    enabledEvents: Number(events[0]?.['enabled'] ?? 0),
  };
}

const MAY_NOT_ASK = 1401; // what XA RECOVER says to an account without XA_RECOVER_ADMIN

async function preparedTransactions(connection: DatabaseConnection): Promise<number | null> {
  try {
    return (await connection.query('XA RECOVER')).length;
  } catch (error) {
    if (isStatementError(error, MAY_NOT_ASK)) return null;
    throw error;
  }
}
