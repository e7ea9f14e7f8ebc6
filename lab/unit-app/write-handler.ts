import { openSync, writeSync } from 'node:fs';
import type { CommittedWrite } from '../writer/oracle.ts';

/** The part of a mysql2 pool that the application uses. */
export interface Queries {
  query(sql: string, values: readonly unknown[]): Promise<[unknown, unknown]>;
}

export interface WriteRequest {
  readonly user: string;
  readonly seq: number;
  readonly datasource: string;
}

/** What the gateway says about a request: the fencing token that travels with it. */
export interface RoutingHeaders {
  readonly unit: string;
  readonly epoch: number;
  readonly bucket: number;
}

export interface WriteAnswer {
  readonly status: number;
  readonly text: string;
}

/** Unique within a unit, so that a retry is harmless; a write applied by two units would show as two rows. */
export const writesTable = `CREATE TABLE IF NOT EXISTS writes (
  id BIGINT AUTO_INCREMENT PRIMARY KEY,
  user VARCHAR(40) NOT NULL, seq BIGINT NOT NULL, unit VARCHAR(64) NOT NULL,
  epoch BIGINT NOT NULL, written_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  UNIQUE KEY one_per_unit (user, seq, unit))`;

const duplicateKey = 1062;

/** The application of one unit: refuses what is not addressed to it, writes, and logs what it committed. */
export class WriteHandler {
  readonly #unit: string;
  readonly #pools: ReadonlyMap<string, Queries>;
  readonly #log: number;
  readonly #highestEpoch = new Map<number, number>();

  constructor(unit: string, pools: ReadonlyMap<string, Queries>, logFile: string) {
    this.#unit = unit;
    this.#pools = pools;
    this.#log = openSync(logFile, 'a');
  }

  async handle(write: WriteRequest, routing: RoutingHeaders): Promise<WriteAnswer> {
    const refusal = this.#guard(routing);
    if (refusal !== undefined) return { status: 421, text: refusal };
    const pool = this.#pools.get(write.datasource);
    if (pool === undefined) return { status: 404, text: `no datasource ${write.datasource}` };
    try {
      if (await this.#insert(pool, write, routing)) this.#logCommit(write, routing);
    } catch (error) {
      return { status: 503, text: error instanceof Error ? error.message : String(error) };
    }
    return { status: 200, text: 'written' };
  }

  /** The write path checks the fencing token itself: a gateway alone cannot (reload, pause, upload in flight). */
  #guard({ unit, epoch, bucket }: RoutingHeaders): string | undefined {
    if (unit !== this.#unit) return `this is unit ${this.#unit}, the request is for unit ${unit}`;
    const highest = this.#highestEpoch.get(bucket) ?? 0;
    if (epoch < highest) return `bucket ${bucket}: epoch ${epoch} is older than ${highest}`;
    this.#highestEpoch.set(bucket, epoch);
    return undefined;
  }

  /** @returns whether the row is this unit's; a late retry may find that of the unit that took the user over */
  async #insert(pool: Queries, write: WriteRequest, routing: RoutingHeaders): Promise<boolean> {
    const [rows] = await pool.query('SELECT unit FROM writes WHERE user = ? AND seq = ?', [
      write.user,
      write.seq,
    ]);
    const [found] = rows as readonly { readonly unit: string }[];
    if (found !== undefined) return found.unit === this.#unit;
    try {
      await pool.query('INSERT INTO writes (user, seq, unit, epoch) VALUES (?, ?, ?, ?)', [
        write.user,
        write.seq,
        this.#unit,
        routing.epoch,
      ]);
    } catch (error) {
      if ((error as { errno?: number }).errno !== duplicateKey) throw error;
    }
    return true;
  }

  #logCommit(write: WriteRequest, routing: RoutingHeaders): void {
    const line: CommittedWrite = {
      at: performance.timeOrigin + performance.now(),
      ...write,
      unit: this.#unit,
      epoch: routing.epoch,
      bucket: routing.bucket,
    };
    // Synchronous and unbuffered: what was logged survives a kill -9 of this process.
    writeSync(this.#log, `${JSON.stringify(line)}\n`);
  }
}
