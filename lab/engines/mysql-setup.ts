import {
  asAccount,
  asRoot,
  firstRow,
  JOURNAL_SCHEMA,
  runStatements,
  type Account,
  type Accounts,
  type DatabaseServer,
  type ReachableServer,
} from './database-server.ts';

const ADMIN_PRIVILEGES = [
  'REPLICATION_SLAVE_ADMIN',
  'REPLICATION CLIENT',
  'SYSTEM_VARIABLES_ADMIN',
  'CONNECTION_ADMIN',
  'RELOAD',
  'PROCESS',
  'EVENT',
].join(', ');

/**
 * Accounts, plugins and schemas of a fresh server, outside the binary log, so that every server starts with an empty
 * GTID set. It is closed last and for good: afterwards even these statements are refused.
 */
export async function prepareMysql(
  server: DatabaseServer,
  accounts: Accounts,
  schema: string,
): Promise<void> {
  const { admin, replication, application } = accounts;
  await asRoot(server, async (root) => {
    if (await firstRow(root, 'SELECT 1 FROM mysql.user WHERE User = ?', [admin.user])) return;
    await runStatements(root, [
      'SET sql_log_bin = 0',
      'SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF',
      `CREATE DATABASE IF NOT EXISTS ${JOURNAL_SCHEMA}`,
      [`CREATE DATABASE IF NOT EXISTS ??`, [schema]],
      ...[admin, replication, application].map(createUser),
      [`GRANT ${ADMIN_PRIVILEGES} ON *.* TO ?@'%'`, [admin.user]],
      ["GRANT SELECT ON performance_schema.* TO ?@'%'", [admin.user]],
      [`GRANT ALL ON ${JOURNAL_SCHEMA}.* TO ?@'%'`, [admin.user]],
      // CONNECTION_ADMIN lets the replicas stay connected while the primary is in offline_mode.
      ["GRANT REPLICATION SLAVE, CONNECTION_ADMIN ON *.* TO ?@'%'", [replication.user]],
      ["GRANT ALL ON ??.* TO ?@'%'", [schema, application.user]],
      "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
      "INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'",
      'SET PERSIST rpl_semi_sync_source_timeout = 4294967295',
      "SET PERSIST rpl_semi_sync_source_wait_point = 'AFTER_SYNC'",
      'RESET BINARY LOGS AND GTIDS',
      'SET PERSIST super_read_only = ON',
    ]);
  });
}

const createUser = ({ user, password }: Account) =>
  ["CREATE USER ?@'%' IDENTIFIED BY ?", [user, password]] as const;

export async function attachMysql(
  replica: ReachableServer,
  source: ReachableServer,
  accounts: Accounts,
): Promise<void> {
  const { user, password } = accounts.replication;
  await asAccount(replica, accounts.admin, (admin) =>
    runStatements(admin, [
      'STOP REPLICA',
      'SET GLOBAL rpl_semi_sync_source_enabled = OFF, GLOBAL rpl_semi_sync_replica_enabled = ON',
      [
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
         SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400`,
        [source.host, source.port, user, password],
      ],
      'START REPLICA',
    ]),
  );
}

/** Says what is missing until both threads run; undefined then. */
export const mysqlReplicaProblem = (
  replica: ReachableServer,
  accounts: Accounts,
): Promise<string | undefined> =>
  asAccount(replica, accounts.admin, async (admin) => {
    const status = await firstRow(admin, 'SHOW REPLICA STATUS');
    if (status === undefined) return 'no replication is configured';
    const { Replica_IO_Running: receiver, Replica_SQL_Running: applier } = status;
    if (receiver === 'Yes' && applier === 'Yes') return undefined;
    const error = String(status['Last_IO_Error']) || String(status['Last_SQL_Error']);
    return `receiver ${String(receiver)}, applier ${String(applier)} ${error}`;
  });

export const enableMysqlSemiSync = (primary: ReachableServer, accounts: Accounts): Promise<void> =>
  asAccount(primary, accounts.admin, (admin) =>
    runStatements(admin, [
      'SET GLOBAL rpl_semi_sync_replica_enabled = OFF, GLOBAL rpl_semi_sync_source_enabled = ON',
    ]),
  );

export const mysqlAckers = (primary: ReachableServer, accounts: Accounts): Promise<number> =>
  asAccount(primary, accounts.admin, async (admin) =>
    Number((await firstRow(admin, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_clients'"))?.['Value']),
  );

/** Until the next restart only: the persisted value stays ON. */
export const openMysql = (primary: ReachableServer, accounts: Accounts): Promise<void> =>
  asAccount(primary, accounts.admin, (admin) =>
    runStatements(admin, ['SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF']),
  );
