import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  asAccount,
  firstRow,
  type Accounts,
  type DatabaseServer,
} from '../../lab/engines/database-server.ts';
import { obtainMariadb, startMariadb } from '../../lab/engines/mariadb.ts';
import { obtainMysql, startMysql } from '../../lab/engines/mysql.ts';
import { attachReplica, openPrimary, prepareServer } from '../../lab/engines/topology.ts';
import { openTestLab, type TestLab } from './test-lab.ts';

const accounts: Accounts = {
  admin: { user: 'siteshift', password: 'admin-secret' },
  replication: { user: 'replication', password: 'replication-secret' },
  application: { user: 'app', password: 'app-secret' },
};

const flavours = {
  mariadb: async (lab: TestLab, name: string, serverId: number) => {
    const options = { name, dataDir: join(lab.folder, name), port: await lab.ports.next(), serverId };
    return startMariadb(lab.supervisor, await obtainMariadb(lab.say), options);
  },
  mysql: async (lab: TestLab, name: string, serverId: number) => {
    const options = { name, dataDir: join(lab.folder, name), port: await lab.ports.next(), serverId };
    return startMysql(lab.supervisor, await obtainMysql(lab.say), options);
  },
};

describe.each(['mariadb', 'mysql'] as const)('%s', (flavour) => {
  let lab: TestLab;
  let primary: DatabaseServer;
  let standby: DatabaseServer;

  beforeAll(async () => {
    lab = await openTestLab();
    primary = await flavours[flavour](lab, 'primary', 1);
    standby = await flavours[flavour](lab, 'standby', 2);
    for (const server of [primary, standby]) await prepareServer(server, { accounts, schema: 'app' });
  });
  afterAll(() => lab.close());

  const asAdmin = (server: DatabaseServer, sql: string) =>
    asAccount(server, accounts.admin, (admin) => firstRow(admin, sql));
  const asApp = (server: DatabaseServer, sql: string) =>
    asAccount(server, accounts.application, (app) => firstRow(app, sql));

  test('a prepared server is closed, empty of GTIDs, durable, and preparing again changes nothing', async () => {
    await prepareServer(primary, { accounts, schema: 'app' });
    const position = flavour === 'mysql' ? '@@gtid_executed' : '@@gtid_current_pos';
    const settings = `SELECT @@read_only r, @@sync_binlog s, @@innodb_flush_log_at_trx_commit f, ${position} p`;
    expect(await asAdmin(primary, settings)).toEqual({ r: 1, s: 1, f: 1, p: '' });
    await expect(asApp(primary, 'CREATE TABLE app.refused (id INT)')).rejects.toThrow(/read-only/);
  });

  test('the admin account may read and set what the orchestrator needs', async () => {
    const mysql = flavour === 'mysql';
    const statements = [
      'SET sql_log_bin = 0',
      'FLUSH LOCAL BINARY LOGS',
      'SHOW PROCESSLIST',
      mysql ? 'SET PERSIST super_read_only = ON' : 'SET GLOBAL read_only = 1',
      mysql ? 'SELECT * FROM performance_schema.metadata_locks' : 'SELECT User FROM mysql.global_priv',
    ];
    const run = asAccount(standby, accounts.admin, async (admin) => {
      for (const statement of statements) await admin.query(statement);
    });
    await expect(run).resolves.toBeUndefined();
  });

  test('an opened primary with a semi-sync standby replicates what the application writes', async () => {
    await attachReplica({ replica: standby, source: primary, accounts });
    await openPrimary({ primary, accounts, ackers: 1 });
    await asApp(primary, 'CREATE TABLE app.t (id INT PRIMARY KEY)');
    await asApp(primary, 'INSERT INTO app.t VALUES (1)');
    const variable = flavour === 'mysql' ? 'Rpl_semi_sync_source_yes_tx' : 'Rpl_semi_sync_master_yes_tx';
    const acknowledged = await asAdmin(primary, `SHOW GLOBAL STATUS LIKE '${variable}'`);
    expect(Number(acknowledged?.['Value'])).toBeGreaterThanOrEqual(1);
    await vi.waitFor(
      async () => expect(await asApp(standby, 'SELECT COUNT(*) AS n FROM app.t')).toEqual({ n: 1 }),
      { timeout: 10_000 },
    );
  });

  test('a killed primary comes back with its data, and closed', async () => {
    primary.process.kill();
    await primary.process.gone();
    await primary.process.restart();
    expect(await asAdmin(primary, 'SELECT @@read_only AS r')).toEqual({ r: 1 });
    expect(await asApp(primary, 'SELECT COUNT(*) AS n FROM app.t')).toEqual({ n: 1 });
  });

  test('a killed standby comes back closed and with its replication stopped', async () => {
    standby.process.kill();
    await standby.process.gone();
    await standby.process.restart();
    expect(await asAdmin(standby, 'SELECT @@read_only AS r')).toEqual({ r: 1 });
    const mysql = flavour === 'mysql';
    const status = await asAdmin(standby, mysql ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS');
    expect(status?.[mysql ? 'Replica_IO_Running' : 'Slave_IO_Running']).toBe('No');
    expect(status?.[mysql ? 'Replica_SQL_Running' : 'Slave_SQL_Running']).toBe('No');
  });
});
