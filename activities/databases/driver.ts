import type { Position, ServerFacts } from '../../domain/promotion/facts.ts';
import type { Inspection } from '../../domain/promotion/preflight.ts';
import type { DatabaseConnection } from './connection.ts';

/** Address and account that a replica uses. */
export interface ReplicationSource {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** What stands between two positions. Counts are transactions. */
export interface Difference {
  /** In `need`, not in `have`; '' when contained. */
  readonly missing: string;
  readonly missingCount: number;
}

export interface ReceivedFacts {
  /** Everything that this server holds, applied or only in its relay log. */
  readonly total: string;
  /** The same without what this server wrote itself. */
  readonly fromSource: string;
  readonly applierErrno: number;
  readonly applierError: string;
}

/** Thrown by `freeze` when it had to give up; the server is as open as before. */
export class FreezeBlocked extends Error {
  override readonly name = 'FreezeBlocked';
}

/**
 * What promotion needs from an engine. Every method is one short conversation on the given session, may be repeated,
 * and treats "is so already" as success. No method writes to the binary log unless it says so.
 */
export interface DatabaseDriver {
  readonly engine: 'mysql' | 'mariadb';
  observe(connection: DatabaseConnection): Promise<ServerFacts>;
  /** Slower reads for the preflight. @param seen what `observe` said: where commits hang, some reads would, too */
  inspect(connection: DatabaseConnection, seen: ServerFacts): Promise<Inspection>;
  position(connection: DatabaseConnection): Promise<Position>;
  /** Position and freeze in one look. */
  closedAt(
    connection: DatabaseConnection,
  ): Promise<{ readonly position: Position; readonly frozen: boolean }>;

  /** Exact: what `need` (a position's `last`) has and `have` lacks, by containment per writing server. */
  difference(connection: DatabaseConnection, have: Position, need: string): Promise<Difference>;
  /**
   * One look at a standby against the last position of the frozen primary: what it lacks, and what it holds that the
   * primary never wrote. Two empty texts are the only good answer.
   */
  proveAgainst(
    connection: DatabaseConnection,
    frozen: Position,
  ): Promise<{ readonly missing: string; readonly extra: string; readonly position: string }>;
  /** Before the freeze: transactions of a replica that its running source lacks, except the source's own newest. */
  errant(
    connection: DatabaseConnection,
    replica: Position,
    source: Position,
    sourceIdentity: string,
  ): Promise<string>;
  /** Without a source to ask: what this server wrote itself and nobody else knows of. */
  ownErrant(
    connection: DatabaseConnection,
    own: Position,
    others: Position,
    identity: string,
  ): Promise<string>;
  /** Like difference, for what is only received: by sequence, without proof of who wrote it. */
  receivedDifference(connection: DatabaseConnection, have: string, need: string): Promise<Difference>;
  /** Everything named in any of the lists. */
  union(connection: DatabaseConnection, lists: readonly string[]): Promise<string>;
  waitFor(connection: DatabaseConnection, last: string, timeoutMs: number): Promise<boolean>;

  /** Starts a new binlog file, so that a replica that attaches is found its place at once. */
  rotateBinlog(connection: DatabaseConnection): Promise<void>;
  /** Ends writing for everybody whom the engine can stop; bounded; FreezeBlocked when it could not. */
  freeze(connection: DatabaseConnection, timeoutMs: number): Promise<void>;
  unfreeze(connection: DatabaseConnection): Promise<void>;
  /** Ends client sessions; `keepUsers` are the orchestrator's and replication's accounts. */
  clearSessions(
    connection: DatabaseConnection,
    how: 'kill' | 'offline',
    keepUsers: readonly string[],
  ): Promise<number>;

  /** Reads, and where the engine could forget it persists, what this survivor has received. Before any thread is touched. */
  captureReceived(connection: DatabaseConnection, note: ReceivedNote): Promise<ReceivedFacts>;
  /** Stops receiving, so that the old source can get no acknowledgement from here; never endangers the relay log. */
  revoke(connection: DatabaseConnection): Promise<void>;
  /** Makes the applier work on what was received where it stands still; false when it is broken. */
  resumeApplier(connection: DatabaseConnection, note: ReceivedNote): Promise<boolean>;

  stopReplication(connection: DatabaseConnection): Promise<void>;
  dropReplication(connection: DatabaseConnection): Promise<void>;
  /** Threads must be stopped. */
  pointTo(connection: DatabaseConnection, source: ReplicationSource): Promise<void>;
  /** For a server that has been a primary itself. Threads must be stopped. */
  demoteTo(connection: DatabaseConnection, source: ReplicationSource): Promise<void>;
  startReplication(connection: DatabaseConnection): Promise<void>;

  armSemiSync(connection: DatabaseConnection, ackers: number): Promise<void>;
  /** A replica's role in semi-sync; also for asynchronous clusters, where it only turns the source's side off. */
  relieveSemiSync(connection: DatabaseConnection): Promise<void>;
  semiSyncClients(connection: DatabaseConnection): Promise<number>;

  /** Lets the orchestrator, and nobody of the ordinary clients, write: the journal goes before the opening. */
  admitOrchestrator(connection: DatabaseConnection): Promise<void>;
  open(connection: DatabaseConnection): Promise<void>;
  /** Takes back `admitOrchestrator`. */
  close(connection: DatabaseConnection): Promise<void>;
}

/** Under which claim a note about received positions stands. */
export interface ReceivedNote {
  readonly schema: string;
  readonly epoch: number;
  readonly operation: string;
}
