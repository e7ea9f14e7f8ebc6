import { setTimeout as sleep } from 'node:timers/promises';
import { createPool, type Pool, type PoolConnection } from 'mysql2/promise';
import type { DatasourceDocument } from '../../domain/datasource.ts';
import { askServer, provePrimary } from './prove-primary.ts';

/** The pool for one server. Every new connection is proven before it is handed out: names resolve anew, servers restart. */
export class PoolGeneration {
  readonly #pool: Pool;
  readonly #proven = new WeakSet<object>();
  readonly #inUse = new Set<PoolConnection>();
  #document: DatasourceDocument;

  constructor(document: DatasourceDocument, password: string, connectionLimit: number, proveMs: number) {
    this.#document = document;
    this.#pool = createPool({
      host: document.host,
      port: document.port,
      user: document.user,
      password,
      database: document.schema,
      connectionLimit,
      connectTimeout: proveMs,
      // The driver reserves memory for 16,000 of them in every connection, which costs more than the connection.
      maxPreparedStatements: 256,
      enableKeepAlive: true,
      keepAliveInitialDelay: 5_000,
    });
    this.#pool.on('acquire', (connection) => this.#inUse.add(connection));
    this.#pool.on('release', (connection) => this.#inUse.delete(connection));
  }

  get document(): DatasourceDocument {
    return this.#document;
  }

  /**
   * Sees to it that a connection is open and answers the question that a proof will ask; whatever the answer is now.
   * @throws Error when it cannot be asked
   */
  async warm(): Promise<void> {
    const connection = await this.#pool.getConnection();
    try {
      await askServer(connection, this.#document.engine);
      connection.release();
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Proves the server by one of its connections; a newer document about the same server keeps the others. */
  async prove(document: DatasourceDocument, withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `${document.host}:${document.port}: not proven within ${withinMs} ms`;
      timer = setTimeout(() => reject(new Error(why)), withinMs);
    });
    const proof = this.#proveOne(document);
    proof.catch(() => undefined); // it may still fail after the time is over
    try {
      await Promise.race([proof, late]);
    } finally {
      clearTimeout(timer);
    }
    this.#document = document;
  }

  async getConnection(): Promise<PoolConnection> {
    const connection = await this.#pool.getConnection();
    if (this.#proven.has(connection.connection)) return connection;
    try {
      await provePrimary(connection, this.#document);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    this.#proven.add(connection.connection);
    return connection;
  }

  /** Waits until nobody uses it, at most so long; what is in use then is cut. @returns connections that were cut */
  async drain(withinMs: number): Promise<number> {
    const deadline = Date.now() + withinMs;
    while (this.#inUse.size > 0 && Date.now() < deadline) await sleep(10);
    const cut = [...this.#inUse];
    for (const connection of cut) connection.destroy();
    await this.#pool.end().catch(() => undefined);
    return cut.length;
  }

  async #proveOne(document: DatasourceDocument): Promise<void> {
    const connection = await this.#pool.getConnection();
    try {
      await provePrimary(connection, document);
      this.#proven.add(connection.connection);
      connection.release();
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }
}

/** Whether both documents lead to the same address, in the same way; which server that is remains to be proven. */
export const isSameAddress = (a: DatasourceDocument, b: DatasourceDocument): boolean =>
  (['engine', 'host', 'port', 'schema', 'user', 'password'] as const).every((field) => a[field] === b[field]);
