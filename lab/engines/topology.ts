import { setTimeout as sleep } from 'node:timers/promises';
import type { Accounts, DatabaseServer, Flavour, ReachableServer } from './database-server.ts';
import * as mariadb from './mariadb-setup.ts';
import * as mysql from './mysql-setup.ts';

/** The same few acts for both flavours. */
interface Setup {
  prepare(server: DatabaseServer, accounts: Accounts, schema: string): Promise<void>;
  attach(replica: ReachableServer, source: ReachableServer, accounts: Accounts): Promise<void>;
  replicaProblem(replica: ReachableServer, accounts: Accounts): Promise<string | undefined>;
  enableSemiSync(primary: ReachableServer, accounts: Accounts): Promise<void>;
  ackers(primary: ReachableServer, accounts: Accounts): Promise<number>;
  open(primary: ReachableServer, accounts: Accounts): Promise<void>;
}

const SETUPS: Readonly<Record<Flavour, Setup>> = {
  mariadb: {
    prepare: mariadb.prepareMariadb,
    attach: mariadb.attachMariadb,
    replicaProblem: mariadb.mariadbReplicaProblem,
    enableSemiSync: mariadb.enableMariadbSemiSync,
    ackers: mariadb.mariadbAckers,
    open: mariadb.openMariadb,
  },
  mysql: {
    prepare: mysql.prepareMysql,
    attach: mysql.attachMysql,
    replicaProblem: mysql.mysqlReplicaProblem,
    enableSemiSync: mysql.enableMysqlSemiSync,
    ackers: mysql.mysqlAckers,
    open: mysql.openMysql,
  },
};

/**
 * Sets a fresh server up: accounts, semi-sync, the empty journal schema and the application's schema, no GTIDs,
 * closed. Leaves a server alone that was prepared before. Call it before any replication: with semi-sync on and no
 * replica, creating an account waits for an acknowledgement that cannot come.
 */
export const prepareServer = (
  server: DatabaseServer,
  options: { readonly accounts: Accounts; readonly schema: string },
): Promise<void> => SETUPS[server.flavour].prepare(server, options.accounts, options.schema);

/** Makes a prepared server a replica by GTID, semi-sync allowed, and waits until both its threads run. */
export async function attachReplica(options: {
  readonly replica: ReachableServer;
  readonly source: ReachableServer;
  readonly accounts: Accounts;
}): Promise<void> {
  const { replica, source, accounts } = options;
  const setup = SETUPS[replica.flavour];
  await setup.attach(replica, source, accounts);
  await waitUntil(`${replica.process.name} replicates from ${source.process.name}`, () =>
    setup.replicaProblem(replica, accounts),
  );
}

/**
 * Opens the first primary of a topology that nobody uses yet. With `ackers` above 0 semi-sync comes first and that
 * many replicas must be there. The product's promotion is another matter: this proves nothing about other primaries.
 */
export async function openPrimary(options: {
  readonly primary: ReachableServer;
  readonly accounts: Accounts;
  readonly ackers: number;
}): Promise<void> {
  const { primary, accounts, ackers } = options;
  const setup = SETUPS[primary.flavour];
  if (ackers > 0) {
    await setup.enableSemiSync(primary, accounts);
    await waitUntil(`${primary.process.name} has ${ackers} semi-sync replica(s)`, async () => {
      const seen = await setup.ackers(primary, accounts);
      return seen >= ackers ? undefined : `it has ${seen}`;
    });
  }
  await setup.open(primary, accounts);
}

async function waitUntil(wish: string, problem: () => Promise<string | undefined>): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const seen = await problem();
    if (seen === undefined) return;
    if (Date.now() > deadline) throw new Error(`waited 20 s until ${wish}; seen: ${seen}`);
    await sleep(25);
  }
}
