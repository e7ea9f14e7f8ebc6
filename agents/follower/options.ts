import type { EtcdCenter, NacosCenter } from '../../domain/schema/inventory.ts';

export interface FollowerLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

type Optional<Type, Keys extends keyof Type> = Omit<Type, Keys> & Partial<Pick<Type, Keys>>;

/** Where the datasource is published; as in the inventory, without the site. */
export type FollowedCenter =
  Optional<Omit<NacosCenter, 'site'>, 'namespace'> | Optional<Omit<EtcdCenter, 'site'>, 'prefix'>;

export interface FollowedCollector {
  readonly url: string;
  /** Reference env:NAME or file:PATH. */
  readonly token?: string;
}

export interface FollowerOptions {
  readonly datasource: string;
  /** Unique among all consumers of the datasource, and the same after a restart: host name and instance, say. */
  readonly consumer: string;
  /** Site this process stands in; consumers of a lost site are not waited for. */
  readonly site: string;
  readonly center: FollowedCenter;
  /** Nacos: dataId. etcd: full key. */
  readonly key: string;
  /** Nacos only; default DEFAULT_GROUP. */
  readonly group?: string;
  /** All of them, at every site: the one at the survivor must hear of us. */
  readonly collectors?: readonly FollowedCollector[];
  /** File of the last document, so that a restart never goes back to a lower epoch. One file per follower. */
  readonly snapshotFile?: string;
  /** How many connections the pool may open; default 10. */
  readonly connectionLimit?: number;
  readonly limits?: Partial<FollowerLimits>;
  /** Turns the document's password reference into the password; default: env:NAME and file:PATH. */
  readonly password?: (reference: string) => Promise<string>;
  /** A connection to the config center for this follower alone instead of one for the process. */
  readonly ownConnection?: boolean;
  readonly log?: FollowerLog;
  /** Called after each swap; for metrics. */
  readonly onApplied?: (applied: AppliedDocument) => void;
}

export interface AppliedDocument {
  readonly epoch: number;
  readonly operation: string;
  readonly digest: string;
  readonly primary: string;
  /** ms since 1970, this machine's clock. */
  readonly appliedAt: number;
  readonly via: 'center' | 'collector';
}

export interface FollowerLimits {
  /** Queries that may wait while the pool is being switched. */
  readonly queue: number;
  /** How long each of them waits before it fails. */
  readonly queueMs: number;
  /** How long connections of the old pool may stay in use before they are cut. */
  readonly drainMs: number;
  /** How long one attempt to reach and prove a primary may take. */
  readonly proveMs: number;
  /** Within this time after a switch a connection to every possible next primary is opened; 0 = none are kept. */
  readonly warmMs: number;
  /** How long a start waits for the config center before it uses the document on disk. */
  readonly startMs: number;
}

export const defaultLimits: FollowerLimits = {
  queue: 10_000,
  queueMs: 10_000,
  drainMs: 5_000,
  proveMs: 3_000,
  warmMs: 5_000,
  startMs: 2_000,
};

export const silentLog: FollowerLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
