import { createConnection, type Connection } from 'mysql2/promise';
import type { LabCluster } from '../sites/start-databases.ts';
import { Probes } from './probes.ts';

export interface WritableSummary {
  readonly polls: number;
  readonly looksPerSecond: number;
  /** Moments at which more than one node of a cluster took writes, in words. */
  readonly breaches: readonly string[];
  /** Longest time that no node of the cluster was open, ms. */
  readonly longestClosedMs: Readonly<Record<string, number>>;
}

/** About twenty on two processors with nobody else on them; with fewer than these a moment of two could be overlooked. */
export const LEAST_LOOKS_PER_SECOND = 5;

/** Whether somebody watched closely enough for no breach to mean something. */
export const isWatched = ({ looksPerSecond }: Pick<WritableSummary, 'looksPerSecond'>): boolean =>
  looksPerSecond > LEAST_LOOKS_PER_SECOND;

/** Between two looks. A switch takes hundreds of ms; looking all the time would take them from it on a small machine. */
const pauseMs = 20;

/** Asks every node of every cluster, all the while, whether it takes writes: never may two of one cluster say yes. */
export class WritableWatch {
  readonly #clusters: readonly LabCluster[];
  readonly #breaches: string[] = [];
  readonly #closed = new Map<string, { since: number | undefined; longestMs: number }>();
  readonly #connections = new Map<string, Connection>();
  readonly #probes = new Probes();
  #polls = 0;
  #startedAt = 0;
  #stopping = false;
  #polling: Promise<void> = Promise.resolve();

  constructor(clusters: readonly LabCluster[]) {
    this.#clusters = clusters;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#polling = this.#poll();
  }

  async stop(): Promise<WritableSummary> {
    this.#stopping = true;
    await this.#polling;
    const looksPerSecond = (this.#polls * 1_000) / (performance.now() - this.#startedAt);
    for (const connection of this.#connections.values()) connection.destroy();
    this.#probes.end();
    const longestClosedMs = Object.fromEntries(
      [...this.#closed].map(([name, { longestMs }]) => [name, longestMs]),
    );
    return { polls: this.#polls, looksPerSecond, breaches: this.#breaches, longestClosedMs };
  }

  async #poll(): Promise<void> {
    while (!this.#stopping) {
      await Promise.all(this.#clusters.map((cluster) => this.#look(cluster)));
      this.#polls += 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #look(cluster: LabCluster): Promise<void> {
    const names = [...cluster.nodes.keys()];
    const before = await this.#openNodes(cluster, names);
    // Two answers of one round are not of one moment: a switch between them shows both. Only nodes that are open in
    // two rounds in a row were open at the same time.
    const open = before.length > 1 ? await this.#openNodes(cluster, before) : before;
    // One that is open and can acknowledge nothing takes no writes: an old primary that lost its acknowledgers.
    const again = open.length > 1 ? await this.#probes.withoutHanging(cluster, open) : open;
    if (again.length > 1)
      this.#breaches.push(
        `${new Date().toISOString()} ${cluster.name}: ${again.join(' and ')} both take writes`,
      );
    this.#note(cluster.name, again.length > 0);
  }

  #note(cluster: string, open: boolean): void {
    const state = this.#closed.get(cluster) ?? { since: undefined, longestMs: 0 };
    const now = performance.now();
    if (open && state.since !== undefined) state.longestMs = Math.max(state.longestMs, now - state.since);
    state.since = open ? undefined : (state.since ?? now);
    this.#closed.set(cluster, state);
  }

  async #openNodes(cluster: LabCluster, names: readonly string[]): Promise<string[]> {
    const answers = await Promise.all(
      names.map(async (name) => ((await this.#isOpen(cluster, name)) ? name : undefined)),
    );
    return answers.filter((name) => name !== undefined);
  }

  /** A node that does not answer cannot be seen to take writes; the writer would notice if it did. */
  async #isOpen(cluster: LabCluster, name: string): Promise<boolean> {
    try {
      const [rows] = await withinLimit(
        (await this.#connect(cluster, name)).query('SELECT @@GLOBAL.read_only AS closed'),
      );
      const closed = String((rows as { closed: unknown }[])[0]?.closed);
      return closed === '0' || closed === 'OFF';
    } catch {
      this.#connections.get(name)?.destroy();
      this.#connections.delete(name);
      return false;
    }
  }

  async #connect(cluster: LabCluster, name: string): Promise<Connection> {
    const known = this.#connections.get(name);
    if (known !== undefined) return known;
    const node = cluster.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    const connection = await createConnection({
      host: node.host,
      port: node.port,
      ...cluster.accounts.admin,
      connectTimeout: 500,
    });
    connection.on('error', () => undefined);
    this.#connections.set(name, connection);
    return connection;
  }
}

/** A paused server accepts the question and never answers. */
function withinLimit<Result>(answer: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within 500 ms')), 500);
  });
  return Promise.race([answer, limit]).finally(() => clearTimeout(timer));
}
