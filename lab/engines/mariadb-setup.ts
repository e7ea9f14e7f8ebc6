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
  'READ_ONLY ADMIN',
  'REPLICATION SLAVE ADMIN',
  'REPLICATION MASTER ADMIN',
  'REPLICA MONITOR',
  'BINLOG MONITOR',
  'BINLOG ADMIN',
  'CONNECTION ADMIN',
  'RELOAD',
  'PROCESS',
  'SHOW DATABASES',
  'EVENT',
  'SET USER',
].join(', ');

/** Accounts and schemas of a fresh server, outside the binary log, so that every server starts with an empty GTID. */
export async function prepareMariadb(
  server: DatabaseServer,
  accounts: Accounts,
  schema: string,
): Promise<void> {
  const { admin, replication, application } = accounts;
  await asRoot(server, async (root) => {
    if (await firstRow(root, 'SELECT 1 FROM mysql.global_priv WHERE User = ?', [admin.user])) return;
    await runStatements(root, [
      'SET sql_log_bin = 0',
      `CREATE DATABASE IF NOT EXISTS ${JOURNAL_SCHEMA}`,
      [`CREATE DATABASE IF NOT EXISTS ??`, [schema]],
      ...[admin, replication, application].map(createUser),
      [`GRANT ${ADMIN_PRIVILEGES} ON *.* TO ?@'%'`, [admin.user]],
      ["GRANT SELECT ON mysql.user TO ?@'%'", [admin.user]],
      ["GRANT SELECT ON mysql.global_priv TO ?@'%'", [admin.user]],
      [`GRANT ALL ON ${JOURNAL_SCHEMA}.* TO ?@'%'`, [admin.user]],
      ["GRANT REPLICATION SLAVE ON *.* TO ?@'%'", [replication.user]],
      ["GRANT ALL ON ??.* TO ?@'%'", [schema, application.user]],
      'RESET MASTER',
      "SET GLOBAL gtid_slave_pos = ''",
    ]);
  });
}

const createUser = ({ user, password }: Account) =>
  ["CREATE USER ?@'%' IDENTIFIED BY ?", [user, password]] as const;

export async function attachMariadb(
  replica: ReachableServer,
  source: ReachableServer,
  accounts: Accounts,
): Promise<void> {
  const { user, password } = accounts.replication;
  await asAccount(replica, accounts.admin, (admin) =>
    runStatements(admin, [
      'STOP SLAVE',
      'SET GLOBAL rpl_semi_sync_master_enabled = 0, GLOBAL rpl_semi_sync_slave_enabled = 1',
      [
        `CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?,
         MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos`,
        [source.host, source.port, user, password],
      ],
      'START SLAVE',
    ]),
  );
}

/** Says what is missing until both threads run; undefined then. */
export const mariadbReplicaProblem = (
  replica: ReachableServer,
  accounts: Accounts,
): Promise<string | undefined> =>
  asAccount(replica, accounts.admin, async (admin) => {
    const status = await firstRow(admin, 'SHOW SLAVE STATUS');
    if (status === undefined) return 'no replication is configured';
    const { Slave_IO_Running: receiver, Slave_SQL_Running: applier } = status;
    if (receiver === 'Yes' && applier === 'Yes') return undefined;
    const error = String(status['Last_IO_Error']) || String(status['Last_SQL_Error']);
    return `receiver ${String(receiver)}, applier ${String(applier)} ${error}`;
  });

export const enableMariadbSemiSync = (primary: ReachableServer, accounts: Accounts): Promise<void> =>
  asAccount(primary, accounts.admin, (admin) =>
    runStatements(admin, [
      'SET GLOBAL rpl_semi_sync_slave_enabled = 0, GLOBAL rpl_semi_sync_master_enabled = 1',
    ]),
  );

export const mariadbAckers = (primary: ReachableServer, accounts: Accounts): Promise<number> =>
  asAccount(primary, accounts.admin, async (admin) =>
    Number((await firstRow(admin, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'"))?.['Value']),
  );

/** Until the next restart only: the option file keeps the server closed. */
export const openMariadb = (primary: ReachableServer, accounts: Accounts): Promise<void> =>
  asAccount(primary, accounts.admin, (admin) => runStatements(admin, ['SET GLOBAL read_only = 0']));
