import type { ExecuteValues, FieldPacket, PoolConnection, QueryResult, QueryValues } from 'mysql2/promise';
import type { Acknowledgement, RegisteredConsumer } from '../../domain/datasource.ts';
import type { CollectorLink } from './collector-link.ts';
import type { Registration } from './center-session.ts';
import { Follower } from './follower.ts';
import { readDocument, withDigest } from './read-document.ts';
import { defaultLimits, silentLog, type FollowerOptions } from './options.ts';
import { takeLink, takeSession, type Lease } from './shared.ts';
import { SnapshotFile } from './snapshot-file.ts';

/** The part of a mysql2 promise pool that outlives a switch: it always leads to the proven primary. */
export interface FollowingPool {
  getConnection(): Promise<PoolConnection>;
  query<T extends QueryResult>(sql: string, values?: QueryValues): Promise<[T, FieldPacket[]]>;
  execute<T extends QueryResult>(sql: string, values?: ExecuteValues): Promise<[T, FieldPacket[]]>;
  /** Once the first primary is proven. */
  ready(): Promise<void>;
  /** What it runs on, or why it does not. */
  status(): FollowingStatus;
  end(): Promise<void>;
}

export interface FollowingStatus {
  readonly primary?: string;
  readonly epoch: number;
  readonly operation?: string;
  /** Set while a newer document cannot be applied. */
  readonly refused?: string;
  readonly waitingQueries: number;
}

/**
 * A pool that follows one datasource. Queries wait while it switches, within limits; a connection that was handed
 * out before the switch stays with the old server until it is released or the drain time is over.
 */
export function createFollowingPool(options: FollowerOptions): FollowingPool {
  const link = new FollowerLink(options);
  const { room } = link.follower;
  const withConnection = async <Result>(
    use: (connection: PoolConnection) => Promise<Result>,
  ): Promise<Result> => {
    const connection = await getConnection(room);
    try {
      return await use(connection);
    } finally {
      connection.release();
    }
  };
  return {
    getConnection: () => getConnection(room),
    query: (sql, values) => withConnection((connection) => connection.query(sql, values)),
    execute: (sql, values) => withConnection((connection) => connection.execute(sql, values)),
    ready: async () => {
      await room.pass();
    },
    status: () => link.status(),
    end: () => link.close(),
  };
}

/** A connection of the primary as it is now: one that the switch overtook while it was being opened is given back. */
async function getConnection(room: Follower['room']): Promise<PoolConnection> {
  for (;;) {
    const generation = await room.pass();
    const connection = await generation.getConnection();
    if ((await room.pass()) === generation) return connection;
    connection.release();
  }
}

/** Ties a follower to its config center, its collectors and its file. */
class FollowerLink {
  readonly follower: Follower;
  readonly #options: FollowerOptions;
  readonly #closed = new AbortController();
  readonly #snapshot: SnapshotFile | undefined;
  readonly #links: CollectorLink[] = [];
  readonly #unlink: (() => void)[] = [];
  readonly #leases: Lease<unknown>[] = [];
  readonly #started: Promise<void>;
  #registration: Registration | undefined;
  #stopFollowing: (() => void) | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#snapshot =
      options.snapshotFile === undefined
        ? undefined
        : new SnapshotFile(options.snapshotFile, (error) =>
            this.#log.error({ error: String(error) }, 'the document could not be kept on disk'),
          );
    this.follower = new Follower(
      options,
      (acknowledgement) => this.#tell(acknowledgement),
      (document) => this.#snapshot?.keep(document),
    );
    this.#started = this.#start();
    this.#started.catch((error: unknown) => {
      this.#log.error({ error: String(error) }, 'the follower could not start');
      this.follower.room.close(`datasource ${options.datasource}: ${String(error)}`);
    });
  }

  status(): FollowingStatus {
    const { applied, acknowledgement, generation, room } = this.follower;
    return {
      epoch: applied?.epoch ?? 0,
      waitingQueries: room.waiting,
      ...(applied === undefined ? {} : { operation: applied.operation }),
      ...(generation === undefined ? {} : { primary: generation.document.primary }),
      ...(acknowledgement?.refused === undefined ? {} : { refused: acknowledgement.refused }),
    };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#started.catch(() => undefined);
    this.#stopFollowing?.();
    for (const unlink of this.#unlink) unlink();
    await this.follower.close();
    await this.#snapshot?.settled();
    await this.#registration?.remove();
    for (const lease of this.#leases) await lease.release();
  }

  get #log() {
    return this.#options.log ?? silentLog;
  }

  async #start(): Promise<void> {
    const { center, key, group, collectors } = this.#options;
    const kept = await this.#readSnapshot();
    if (kept !== undefined) this.follower.raiseFloor(withDigest(kept));
    for (const collector of collectors ?? []) await this.#connect(collector);
    const session = await takeSession(
      center,
      this.#log,
      this.#options.ownConnection === true ? this.#options.consumer : '',
    );
    this.#leases.push(session);
    this.#registration = session.value.register(this.#entry());
    this.#stopFollowing = session.value.follow({ key, group: group ?? 'DEFAULT_GROUP' }, (content) =>
      this.#hear(content),
    );
    if (kept === undefined) return;
    const { startMs } = { ...defaultLimits, ...this.#options.limits };
    const timer = setTimeout(() => {
      if (this.follower.acknowledgement === undefined) this.follower.accept(withDigest(kept), 'center');
    }, startMs);
    this.#closed.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  /** A file that cannot be read is no reason to stay down, but nobody should miss it. */
  async #readSnapshot() {
    try {
      const kept = await this.#snapshot?.read();
      if (kept === undefined || kept.datasource === this.#options.datasource) return kept;
      throw new Error(`expected datasource ${this.#options.datasource}, seen ${kept.datasource}`);
    } catch (error) {
      this.#log.error(
        { file: this.#options.snapshotFile, error: String(error) },
        'the document on disk is unusable',
      );
      return undefined;
    }
  }

  async #connect(collector: { readonly url: string; readonly token?: string }): Promise<void> {
    const lease = await takeLink(collector, this.#log);
    this.#leases.push(lease);
    this.#links.push(lease.value);
    const { datasource, consumer, site } = this.#options;
    const takeBack = lease.value.add({
      datasource,
      consumer,
      site,
      acknowledgement: () => this.follower.acknowledgement,
      document: (read) => this.follower.accept(read, 'collector'),
    });
    this.#unlink.push(takeBack);
  }

  #hear(content: string): void {
    try {
      this.follower.accept(readDocument(content), 'center');
    } catch (error) {
      this.#log.warn(
        { key: this.#options.key, error: String(error) },
        'what the config center holds is no document; ignored',
      );
    }
  }

  #tell(acknowledgement: Acknowledgement): void {
    for (const link of this.#links) link.acknowledge(acknowledgement);
    this.#registration?.update(this.#entry());
  }

  #entry(): RegisteredConsumer {
    const { datasource, consumer, site } = this.#options;
    const { epoch, operation, digest } = this.follower.applied ?? { epoch: 0, operation: '', digest: '' };
    const refused = this.follower.acknowledgement?.refused;
    return {
      datasource,
      consumer,
      site,
      epoch,
      operation,
      digest,
      ...(refused === undefined ? {} : { refused }),
    };
  }
}
