import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import type { Account } from '../engines/database-server.ts';

/**
 * The floor: the statements of a planned switchover and nothing else. No journal, no claim, no undo, no resuming, no
 * second look. What the product costs is measured against this. Reads its input on stdin, prints one line of JSON.
 */
export interface BareInput {
  readonly engine: 'mysql' | 'mariadb';
  readonly from: string;
  readonly to: string;
  readonly nodes: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
  readonly admin: Account;
  readonly replication: Account;
}

interface Words {
  readonly position: string;
  readonly wait: (position: string) => string;
  readonly freeze: string;
  readonly sessions: string;
  readonly stop: string;
  readonly reset: string;
  readonly start: string;
  readonly arm: string;
  readonly relieve: string;
  readonly clients: string;
  readonly open: string;
  readonly follow: (demoted: boolean) => string;
}

const words: Readonly<Record<BareInput['engine'], Words>> = {
  mysql: {
    position: 'SELECT @@GLOBAL.gtid_executed AS position',
    wait: (position) => `SELECT WAIT_FOR_EXECUTED_GTID_SET('${position.replaceAll(/\s/g, '')}', 10)`,
    freeze: 'SET PERSIST super_read_only = ON',
    sessions: 'performance_schema.processlist',
    stop: 'STOP REPLICA',
    reset: 'RESET REPLICA ALL',
    start: 'START REPLICA',
    arm: 'SET GLOBAL rpl_semi_sync_replica_enabled = OFF, GLOBAL rpl_semi_sync_source_enabled = ON',
    relieve: 'SET GLOBAL rpl_semi_sync_source_enabled = OFF, GLOBAL rpl_semi_sync_replica_enabled = ON',
    clients: "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_clients'",
    open: 'SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF',
    follow: () =>
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
       SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1`,
  },
  mariadb: {
    position: 'SELECT @@GLOBAL.gtid_binlog_pos AS position',
    wait: (position) => `SELECT MASTER_GTID_WAIT('${position}', 10)`,
    freeze: 'SET GLOBAL read_only = 1',
    sessions: 'information_schema.processlist',
    stop: 'STOP SLAVE',
    reset: 'RESET SLAVE ALL',
    start: 'START SLAVE',
    arm: 'SET GLOBAL rpl_semi_sync_slave_enabled = 0, GLOBAL rpl_semi_sync_master_enabled = 1',
    relieve: 'SET GLOBAL rpl_semi_sync_master_enabled = 0, GLOBAL rpl_semi_sync_slave_enabled = 1',
    clients: "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'",
    open: 'SET GLOBAL read_only = 0',
    follow: (demoted) =>
      `CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?,
       MASTER_USE_GTID = slave_pos${demoted ? ', MASTER_DEMOTE_TO_SLAVE = 1' : ''}`,
  },
};

async function first(connection: Connection, sql: string): Promise<Record<string, unknown>> {
  const [rows] = await connection.query(sql);
  return (rows as Record<string, unknown>[])[0] ?? {};
}

async function switchOver(input: BareInput): Promise<{ readonly freezeToOpenMs: number }> {
  const say = words[input.engine];
  const connect = async (name: string) => {
    const { host, port } = input.nodes[name] ?? { host: '', port: 0 };
    return createConnection({ host, port, ...input.admin });
  };
  const others = Object.keys(input.nodes).filter((name) => name !== input.from && name !== input.to);
  const [old, candidate, ...siblings] = await Promise.all([input.from, input.to, ...others].map(connect));
  if (old === undefined || candidate === undefined) throw new Error('from and to must be nodes');
  const target = input.nodes[input.to];
  const source = [target?.host, target?.port, input.replication.user, input.replication.password];

  for (let round = 0; round < 8; round += 1) {
    const startedAt = performance.now();
    await candidate.query(say.wait(String((await first(old, say.position))['position'])));
    if (performance.now() - startedAt < 30) break;
  }
  await candidate.query('FLUSH LOCAL BINARY LOGS');
  await old.query('SET SESSION lock_wait_timeout = 5');

  const frozenAt = performance.now();
  await old.query(say.freeze);
  const [sessions] = await old.query(
    `SELECT id AS id FROM ${say.sessions} WHERE id <> CONNECTION_ID() AND command NOT LIKE 'Binlog Dump%'
      AND command NOT IN ('Daemon', 'Connect') AND user NOT IN ('system user', 'event_scheduler', ?, ?)`,
    [input.admin.user, input.replication.user],
  );
  for (const { id } of sessions as { id: number }[]) await old.query(`KILL ${id}`).catch(() => undefined);
  const position = String((await first(old, say.position))['position']);
  await candidate.query(say.wait(position));
  const pointed = Promise.all(
    siblings.map(async (sibling) => {
      await sibling.query(say.stop);
      await sibling.query(say.follow(false), source);
    }),
  );
  await candidate.query(say.stop);
  await candidate.query(say.reset);
  await candidate.query(say.arm);
  await pointed;
  await Promise.all(siblings.map((sibling) => sibling.query(say.start)));
  while (Number((await first(candidate, say.clients))['Value']) < 1) await sleep(1);
  if (String((await first(old, say.position))['position']) !== position)
    throw new Error('the old primary moved after the freeze');
  await candidate.query(say.open);
  const freezeToOpenMs = performance.now() - frozenAt;

  await old.query(say.relieve);
  await old.query(say.follow(true), source);
  await old.query(say.start);
  for (const connection of [old, candidate, ...siblings]) connection.destroy();
  return { freezeToOpenMs };
}

if (import.meta.main) {
  const input = JSON.parse(await text(process.stdin)) as BareInput;
  process.stdout.write(`${JSON.stringify(await switchOver(input))}\n`);
}
