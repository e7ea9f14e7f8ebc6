import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import type { TestCluster } from './test-cluster.ts';

const DUPLICATE_KEY = 1062;

/**
 * Clients that insert one row at a time, try the nodes in turn, and keep the number of every row that was
 * acknowledged. A retry of a row whose first try was written ends in a duplicate key: that is an acknowledgement, too.
 */
export interface Writers {
  readonly acknowledged: number;
  /** Longest time between two acknowledgements of all clients together, in ms. */
  longestGapMs(): number;
  stop(): Promise<void>;
  /**
   * Row numbers that this node does not have although a client was told, before this was asked, that they are safe. May
   * be asked of the primary while the clients write.
   */
  missingOn(node: string): Promise<readonly string[]>;
  /** Waits until the clients have been told of so many rows. */
  reach(acknowledged: number): Promise<void>;
}

export async function startWriters(
  cluster: TestCluster,
  options: { readonly clients?: number; readonly thinkMs?: number } = {},
): Promise<Writers> {
  const nodes = Object.keys(cluster.cluster.nodes);
  const acknowledged = new Set<string>();
  const moments: number[] = [performance.now()];
  let stopping = false;
  const open = new Set<Connection>();
  const primary = nodes[0] ?? '';
  await cluster
    .sql(
      primary,
      `CREATE TABLE IF NOT EXISTS app.numbers (client INT NOT NULL, seq INT NOT NULL, PRIMARY KEY (client, seq))`,
      'application',
    )
    .catch(() => undefined); // exists, and this node is closed
  const base = Math.floor(Math.random() * 1_000_000_000);

  async function client(index: number): Promise<void> {
    const number = base + index;
    let turn = 0;
    let connection: Connection | undefined;
    for (let seq = 1; ; seq += 1) {
      for (;;) {
        if (stopping) return;
        const node = nodes[turn % nodes.length] ?? '';
        try {
          connection ??= await connectApplication(cluster, node, open);
          await connection.query(`INSERT INTO app.numbers VALUES (${number}, ${seq})`);
          break;
        } catch (error) {
          if ((error as { errno?: number }).errno === DUPLICATE_KEY) break;
          connection?.destroy();
          if (connection !== undefined) open.delete(connection);
          connection = undefined;
          turn += 1;
          await sleep(5);
        }
      }
      acknowledged.add(`${number}/${seq}`);
      moments.push(performance.now());
      await sleep(options.thinkMs ?? 4);
    }
  }
  const clients = Array.from({ length: options.clients ?? 8 }, (_, index) => client(index));
  return {
    get acknowledged() {
      return acknowledged.size;
    },
    longestGapMs: () =>
      moments.reduce((most, now, index) => Math.max(most, now - (moments[index - 1] ?? now)), 0),
    stop: async () => {
      stopping = true;
      // A client that waits for an acknowledgement which cannot come would wait for ever.
      const ended = Promise.all(clients).then(() => true);
      if (!(await Promise.race([ended, sleep(1_500).then(() => false)]))) {
        for (const connection of open) stream(connection).destroy();
        await ended;
      }
      for (const connection of open) connection.destroy();
    },
    reach: async (count) => {
      const deadline = Date.now() + 60_000;
      while (acknowledged.size < count) {
        if (Date.now() > deadline)
          throw new Error(`expected ${count} acknowledged rows within 60 s, seen ${acknowledged.size}`);
        await sleep(10);
      }
    },
    missingOn: async (node) => {
      const told = [...acknowledged];
      const rows = await cluster.sql(
        node,
        `SELECT client, seq FROM app.numbers WHERE client >= ${base}`,
        'application',
      );
      const there = new Set(rows.map((row) => `${Number(row['client'])}/${Number(row['seq'])}`));
      return told.filter((row) => !there.has(row));
    },
  };
}

async function connectApplication(
  cluster: TestCluster,
  node: string,
  open: Set<Connection>,
): Promise<Connection> {
  const connection = await createConnection({
    host: '127.0.0.1',
    port: cluster.node(node).port,
    ...cluster.lab.accounts.application,
    connectTimeout: 1_000,
  });
  connection.on('error', () => undefined);
  open.add(connection);
  return connection;
}

const stream = (connection: Connection): { destroy(): void } =>
  (connection as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;

/** Looks in a row that found a node open: when the first of them was answered, and the last one, from asking to answer. */
interface OpenLooks {
  readonly since: number;
  readonly asked: number;
  readonly answered: number;
}

/**
 * Asks every node all the time whether it accepts writes; remembers the moments when more than one did. An answer is old
 * when the next one is long in coming, so two nodes were open at once only where one of them was found open before and
 * after a look that found the other one open.
 */
export function watchWritable(cluster: TestCluster): {
  readonly looks: number;
  readonly twice: readonly string[];
  stop(): Promise<void>;
} {
  let stopping = false;
  let looks = 0;
  const twice: string[] = [];
  const open = new Map<string, OpenLooks>();
  const watchers = Object.keys(cluster.cluster.nodes).map(async (node) => {
    let connection: Connection | undefined;
    for (;;) {
      if (stopping) break;
      try {
        if (connection === undefined) {
          connection = await cluster.connect(node, 'admin');
          connection.on('error', () => undefined);
        }
        const asked = performance.now();
        const [rows] = await connection.query('SELECT @@GLOBAL.read_only AS closed');
        const answered = performance.now();
        looks += 1;
        if (/^(1|on)$/i.test(String((rows as { closed: unknown }[])[0]?.closed))) open.delete(node);
        else {
          const since = open.get(node)?.since ?? answered;
          open.set(node, { since, asked, answered });
          for (const [other, look] of open)
            if (other !== node && since <= look.asked && look.answered <= asked)
              twice.push(`${node} and ${other}, for ${Math.round(asked - since)} ms`);
        }
      } catch {
        open.delete(node); // what does not answer cannot acknowledge
        connection?.destroy();
        connection = undefined;
        await sleep(20);
      }
      await sleep(3);
    }
    connection?.destroy();
  });
  return {
    get looks() {
      return looks;
    },
    twice,
    stop: async () => {
      stopping = true;
      await Promise.all(watchers);
    },
  };
}
