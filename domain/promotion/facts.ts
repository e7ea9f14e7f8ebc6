// Type aliases, not interfaces: these are the `Observed` of a step, and only aliases fit the Json type.

/**
 * How far a server has come. MySQL: both members are the GTID set. MariaDB: `last` has the last GTID of each domain,
 * `state` the last of each (domain, server), the only one from which containment can be proven.
 */
export type Position = { readonly last: string; readonly state: string };

/** One replication connection, as the replica tells it. `name` is '' for the usual single one. */
export type ChannelFacts = {
  readonly name: string;
  readonly sourceHost: string;
  readonly sourcePort: number;
  /** server_uuid (MySQL) or server_id (MariaDB) of the source; '' when it was never reached. */
  readonly sourceIdentity: string;
  readonly receiver: 'on' | 'connecting' | 'off';
  readonly receiverError: string;
  readonly applier: 'on' | 'off';
  readonly applierErrno: number;
  readonly applierError: string;
  /** What was received, in the engine's own notation; '' when the server does not (or no longer) know. */
  readonly received: string;
  readonly usesGtid: boolean;
  readonly delaySeconds: number;
  /** Replication filters, as text; '' when there are none. */
  readonly filters: string;
  /** MariaDB: where the applier stands in the relay log; what the rescue of a stopped replica starts from. */
  readonly relayFile: string;
  readonly relayPosition: string;
  /** The source's binary log file up to which the applier came; '' where the replica does not know. */
  readonly appliedSourceFile: string;
};

export type SemiSyncFacts = {
  readonly installed: boolean;
  readonly sourceEnabled: boolean;
  readonly replicaEnabled: boolean;
  /** Milliseconds; text, because it may exceed what a number holds exactly. */
  readonly timeoutMs: string;
  readonly waitPoint: string;
  /** Replicas that can acknowledge now. */
  readonly clients: number;
  /** Acknowledgements a commit waits for. */
  readonly required: number;
  /** In force right now (not fallen back to asynchronous). */
  readonly active: boolean;
};

export const journalPhases = ['intended', 'opened', 'undone'] as const;
export type JournalPhase = (typeof journalPhases)[number];

/** A row of the promotion journal, which replicates with the data. */
export type JournalRow = {
  readonly epoch: number;
  readonly phase: JournalPhase;
  readonly operation: string;
  readonly primary: string;
  readonly identity: string;
  readonly previous: string;
  readonly position: string;
  readonly durability: string;
  /** ms since 1970, by the orchestrator's clock. */
  readonly at: number;
};

/** What a server says about itself. */
export type ServerFacts = {
  readonly identity: string;
  readonly version: string;
  /** False as soon as an ordinary client can write. MySQL: read_only; MariaDB: read_only in any of its words. */
  readonly writable: boolean;
  /** MySQL: super_read_only, too. MariaDB has no such thing: equal to !writable. */
  readonly frozen: boolean;
  readonly executed: Position;
  readonly channels: readonly ChannelFacts[];
  readonly semiSync: SemiSyncFacts;
  readonly settings: { readonly [name: string]: string };
};

export type ReachedNode = {
  readonly name: string;
  readonly site: string;
  readonly reachable: true;
  readonly server: ServerFacts;
  readonly journal: readonly JournalRow[];
};
export type LostNode = {
  readonly name: string;
  readonly site: string;
  readonly reachable: false;
  /** Why it counts as unreachable, in one sentence. */
  readonly because: string;
};
export type NodeFacts = ReachedNode | LostNode;

export const isReached = (node: NodeFacts): node is ReachedNode => node.reachable;

/** Configured to follow somebody, whether it does so now or is stopped. */
export const isReplica = (node: ReachedNode): boolean => node.server.channels.length > 0;

/** Taken out of replication: by an attempt that chose it, or by a person. */
export const isReleased = (node: ReachedNode): boolean =>
  node.server.channels.every(
    ({ receiver, applier, applierErrno }) => receiver === 'off' && applier === 'off' && applierErrno === 0,
  );
