import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { asAccount, runStatements, type Account } from '../engines/database-server.ts';
import type { LabCluster } from '../sites/start-databases.ts';

const DUPLICATE_KEY = 1062;

/** Real clients of a database: one row at a time, a retry every 5 ms, the nodes in turn, as an application's pool does. */
export interface WritingClients {
  /** Longest time without any acknowledgement, over all clients, that touches this interval; in ms. */
  gapBetween(from: number, to: number): number;
  /** Acknowledged rows that a node does not have. */
  lostOn(node: string): Promise<number>;
  readonly acknowledged: number;
  stop(): Promise<void>;
}

export async function startWritingClients(
  cluster: LabCluster,
  primary: string,
  count = 8,
): Promise<WritingClients> {
  const { application } = cluster.accounts;
  const nodes = [...cluster.nodes.values()];
  const first = cluster.nodes.get(primary);
  if (first === undefined) throw new Error(`no node ${primary}`);
  await asAccount(first, application, (connection) =>
    runStatements(connection, [
      'CREATE TABLE IF NOT EXISTS app.bench (client INT NOT NULL, seq INT NOT NULL, PRIMARY KEY (client, seq))',
    ]),
  );
  const moments: number[] = [];
  const done = new Set<string>();
  let stopping = false;

  const client = async (index: number) => {
    let connection: Connection | undefined;
    let turn = nodes.indexOf(first);
    for (let seq = 1; ;) {
      if (stopping) return connection?.destroy();
      const server = nodes[turn % nodes.length] ?? first;
      try {
        connection ??= await connect(server.port, application);
        await connection.query(`INSERT INTO app.bench VALUES (${index}, ${seq})`);
      } catch (error) {
        if ((error as { errno?: number }).errno !== DUPLICATE_KEY) {
          connection?.destroy();
          connection = undefined;
          turn += 1;
          await sleep(5);
          continue;
        }
      }
      moments.push(performance.now());
      done.add(`${index}/${seq}`);
      seq += 1;
      await sleep(6);
    }
  };
  const clients = Array.from({ length: count }, (_, index) => client(index));
  return {
    get acknowledged() {
      return done.size;
    },
    gapBetween: (from, to) => {
      const around = moments.filter(
        (_, index) => (moments[index + 1] ?? Infinity) >= from && (moments[index - 1] ?? 0) <= to,
      );
      return around.reduce(
        (most, now, index) => Math.max(most, index === 0 ? 0 : now - (around[index - 1] ?? now)),
        0,
      );
    },
    lostOn: async (node) => {
      const server = cluster.nodes.get(node);
      if (server === undefined) throw new Error(`no node ${node}`);
      return asAccount(server, application, async (connection) => {
        const [rows] = await connection.query('SELECT client, seq FROM app.bench');
        const there = new Set(
          (rows as { client: number; seq: number }[]).map((row) => `${row.client}/${row.seq}`),
        );
        return [...done].filter((row) => !there.has(row)).length;
      });
    },
    stop: async () => {
      stopping = true;
      await Promise.all(clients);
    },
  };
}

async function connect(port: number, account: Account): Promise<Connection> {
  const connection = await createConnection({ host: '127.0.0.1', port, ...account, connectTimeout: 1_000 });
  connection.on('error', () => undefined);
  return connection;
}
