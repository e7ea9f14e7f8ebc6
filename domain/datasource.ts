import type { Stamp } from './operation.ts';

/**
 * The document a config center holds for one datasource; JSON, UTF-8. The rising epoch inside it is what
 * consumers trust: a config center's own compare-and-set can be fooled by A-B-A or by a stale snapshot on disk.
 */
export interface DatasourceDocument extends Stamp {
  readonly datasource: string;
  readonly domain: string;
  readonly engine: 'mysql' | 'mariadb';
  /** Name of the node in the inventory; a consumer proves that the server it reached is this one. */
  readonly primary: string;
  readonly host: string;
  readonly port: number;
  readonly schema: string;
  readonly user: string;
  /** Reference (`env:NAME`, `file:PATH`) resolved by the consumer itself; never the secret. */
  readonly password: string;
  /** server_uuid (MySQL) or server_id (MariaDB) of the primary, as text. */
  readonly serverIdentity: string;
  /** Servers that may become primary next: followers keep a connection to each, so that a switch opens none. */
  readonly candidates?: readonly Candidate[];
  /** Consumers that take this document first; everyone once it is absent. */
  readonly canary?: readonly string[];
  /** What was published before this epoch; known also to a step that was killed after it had published. */
  readonly previous?: PreviousDocument;
}

// A type alias, not an interface: documents are part of a step's outcome and must fit the Json type.
export type Candidate = { readonly node: string; readonly host: string; readonly port: number };

export type PreviousDocument = Omit<DatasourceDocument, 'canary' | 'previous'>;

/** What a follower keeps in the config center's registry while it lives; also the slow way of acknowledging. */
export interface RegisteredConsumer {
  readonly consumer: string;
  readonly site: string;
  readonly datasource: string;
  /** Highest stamp that it has applied; epoch 0 before the first one. */
  readonly epoch: number;
  readonly operation: string;
  readonly digest: string;
  /** Why it does not apply what it was given last. */
  readonly refused?: string;
}

/** Who holds a stream to a collector open: a process that lives, or whose host went away without a word. */
export interface ConnectedConsumer {
  readonly consumer: string;
  readonly site: string;
}

/** What a consumer tells: it runs on `epoch`, proven by a query on the new primary. */
export interface Acknowledgement extends Stamp {
  readonly datasource: string;
  readonly consumer: string;
  /** SHA-256 (hex) of the document it applied. */
  readonly digest: string;
  /** The consumer's own clock, ms since 1970, when its pool had been swapped. */
  readonly appliedAt: number;
  /** Which way the document reached it first. */
  readonly via: 'center' | 'collector';
  /** Set when the consumer saw the document and could not apply it; it is then not an acknowledgement. */
  readonly refused?: string;
}
