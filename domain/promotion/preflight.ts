import type { DatabaseCluster } from '../schema/inventory.ts';
import { isReached, type NodeFacts, type ReachedNode, type SemiSyncFacts } from './facts.ts';

/** Slower reads of one server, only for the preflight. */
export type Inspection = {
  /** Transactions between XA PREPARE and their end: they can commit even on a frozen MySQL. null: may not be asked. */
  readonly preparedTransactions: number | null;
  /** Open for longer than a few seconds, the oldest first, each in one phrase. */
  readonly longTransactions: readonly string[];
  /** Accounts, other than the orchestrator's, that can write on a closed server. */
  readonly bypassAccounts: readonly string[];
  /** Sessions of such accounts right now. */
  readonly bypassSessions: readonly string[];
  /** '' also where it cannot be asked, see commitsHang. */
  readonly binlogFilters: string;
  /** Whether the replication account may stay connected in MySQL's offline_mode; true where it does not matter. */
  readonly replicationSurvivesOffline: boolean;
  readonly enabledEvents: number;
};

/** `blocks`: graceful gives up on it; otherwise it is evidence for the report. */
export type Finding = { readonly node: string; readonly text: string; readonly blocks: boolean };

interface Setting {
  readonly names: readonly string[];
  readonly accept: readonly string[];
  readonly why: string;
  readonly blocks: boolean;
}

const on = ['on', '1', 'yes'];
const common: readonly Setting[] = [
  { names: ['log_bin'], accept: on, why: 'a primary needs a binary log', blocks: true },
  {
    names: ['log_replica_updates', 'log_slave_updates'],
    accept: on,
    why: 'replicated transactions must be in its own binary log',
    blocks: true,
  },
  {
    names: ['binlog_format'],
    accept: ['row'],
    why: 'anything but ROW can replay differently on a replica',
    blocks: false,
  },
  {
    names: ['relay_log_recovery'],
    accept: ['off', '0'],
    why: 'a restart would throw away received transactions that the lost primary cannot send again',
    blocks: false,
  },
  { names: ['sync_binlog'], accept: ['1'], why: 'a crash can lose acknowledged transactions', blocks: false },
  {
    names: ['innodb_flush_log_at_trx_commit'],
    accept: ['1'],
    why: 'a crash can lose acknowledged transactions',
    blocks: false,
  },
];
const byEngine: Readonly<Record<DatabaseCluster['engine'], readonly Setting[]>> = {
  mysql: [
    { names: ['gtid_mode'], accept: ['on'], why: 'positions are compared by GTID', blocks: true },
    {
      names: ['enforce_gtid_consistency'],
      accept: ['on', '1'],
      why: 'statements could escape GTIDs',
      blocks: true,
    },
  ],
  mariadb: [
    {
      names: ['gtid_strict_mode'],
      accept: on,
      why: 'without it a diverged replica keeps applying and containment proves nothing',
      blocks: true,
    },
  ],
};

/** What speaks against a planned promotion, or is worth knowing; the old primary first. */
export function preflight(
  cluster: DatabaseCluster,
  primary: string,
  nodes: readonly NodeFacts[],
  inspections: { readonly [node: string]: Inspection },
): readonly Finding[] {
  return nodes
    .filter(isReached)
    .flatMap((node) => [
      ...settingFindings(cluster, node),
      ...(node.name === primary ? primaryFindings(cluster, node, nodes) : replicaFindings(cluster, node)),
      ...inspectionFindings(cluster, node.name, node.name === primary, inspections[node.name]),
    ]);
}

function settingFindings(cluster: DatabaseCluster, node: ReachedNode): Finding[] {
  return [...common, ...byEngine[cluster.engine]].flatMap(({ names, accept, why, blocks }) => {
    const name = names.find((one) => node.server.settings[one] !== undefined);
    if (name === undefined) return [];
    const seen = node.server.settings[name] ?? '';
    if (accept.includes(seen.toLowerCase())) return [];
    return [
      {
        node: node.name,
        blocks,
        text: `${node.name}: ${name} is ${seen}, expected ${accept[0]?.toUpperCase()}: ${why}`,
      },
    ];
  });
}

/**
 * Nobody can acknowledge: the commits that wait hold what the server needs to tell its binary log's status, and asking
 * would hang like them. That it is so is a finding by itself.
 */
export const commitsHang = ({ sourceEnabled, clients, required }: SemiSyncFacts): boolean =>
  sourceEnabled && clients < required;

/** Ten minutes: longer than any failover, so that an isolated primary never falls back to acknowledging alone. */
const UNLIMITED_MS = 600_000n;

function primaryFindings(
  cluster: DatabaseCluster,
  { name, server }: ReachedNode,
  nodes: readonly NodeFacts[],
): Finding[] {
  if (cluster.durability !== 'semisync') return [];
  const { semiSync } = server;
  const blocked = (text: string): Finding => ({ node: name, blocks: true, text: `${name}: ${text}` });
  const findings: Finding[] = [];
  if (!semiSync.sourceEnabled || !semiSync.active)
    findings.push(
      blocked(
        `the inventory says semisync, but the source's side is ${semiSync.sourceEnabled ? 'not in force' : 'off'}: writes are acknowledged by this node alone`,
      ),
    );
  if (semiSync.clients < cluster.ackers)
    findings.push(
      blocked(
        `${semiSync.clients} replica(s) can acknowledge, expected ${cluster.ackers}: commits would hang`,
      ),
    );
  if (BigInt(/^\d+$/.test(semiSync.timeoutMs) ? semiSync.timeoutMs : '0') < UNLIMITED_MS)
    findings.push(
      blocked(
        `semi-sync falls back to asynchronous after ${semiSync.timeoutMs} ms, expected at least ${UNLIMITED_MS}: when isolated it would acknowledge writes that no replica has`,
      ),
    );
  if (!/AFTER_SYNC/i.test(semiSync.waitPoint))
    findings.push(blocked(`semi-sync waits at ${semiSync.waitPoint}, expected AFTER_SYNC`));
  const others = nodes.filter((node) => node.name !== name).length;
  if (cluster.ackers >= others)
    findings.push({
      node: name,
      blocks: false,
      text: `${name}: ${cluster.ackers} of ${others} replicas must acknowledge: losing one stops all writes`,
    });
  return findings;
}

function replicaFindings(cluster: DatabaseCluster, { name, server }: ReachedNode): Finding[] {
  const finding = (blocks: boolean, text: string): Finding => ({
    node: name,
    blocks,
    text: `${name}: ${text}`,
  });
  const findings: Finding[] = [];
  if (server.channels.length > 1 || server.channels.some((channel) => channel.name !== ''))
    findings.push(
      finding(
        true,
        `${server.channels.length} replication connections or a named one; expected the unnamed one only`,
      ),
    );
  for (const channel of server.channels) {
    if (!channel.usesGtid) findings.push(finding(true, 'replicates by file and position, expected GTID'));
    if (channel.delaySeconds > 0)
      findings.push(finding(true, `replicates ${channel.delaySeconds} s late on purpose`));
    if (channel.filters !== '')
      findings.push(finding(true, `filters what it replicates: ${channel.filters}`));
  }
  if (cluster.durability === 'semisync' && !server.semiSync.replicaEnabled && !server.semiSync.sourceEnabled)
    findings.push(finding(false, 'does not take part in semi-sync: it acknowledges nothing'));
  return findings;
}

function inspectionFindings(
  cluster: DatabaseCluster,
  node: string,
  isPrimary: boolean,
  inspection: Inspection | undefined,
): Finding[] {
  if (inspection === undefined) return [];
  const finding = (blocks: boolean, text: string): Finding => ({ node, blocks, text: `${node}: ${text}` });
  const findings: Finding[] = [];
  if (inspection.binlogFilters !== '')
    findings.push(finding(true, `filters its binary log: ${inspection.binlogFilters}`));
  if (!isPrimary) return findings;
  if (inspection.preparedTransactions === null)
    findings.push(
      finding(false, 'prepared XA transactions cannot be listed: grant XA_RECOVER_ADMIN to the orchestrator'),
    );
  else if (inspection.preparedTransactions > 0)
    findings.push(
      finding(
        true,
        `${inspection.preparedTransactions} prepared XA transaction(s): they can commit even after the freeze; end them first (XA RECOVER lists them)`,
      ),
    );
  if (inspection.longTransactions.length > 0)
    findings.push(
      finding(
        false,
        `long transactions, which the freeze waits for or rolls back: ${inspection.longTransactions.join('; ')}`,
      ),
    );
  if (inspection.bypassSessions.length > 0)
    findings.push(
      finding(
        true,
        `sessions that can write on a closed server: ${inspection.bypassSessions.join('; ')}; end them first`,
      ),
    );
  if (inspection.bypassAccounts.length > 0)
    findings.push(
      finding(false, `accounts that can write on a closed server: ${inspection.bypassAccounts.join(', ')}`),
    );
  if (cluster.clearSessions === 'offline' && !inspection.replicationSurvivesOffline)
    findings.push(
      finding(
        true,
        'clearSessions is offline, and the replication account lacks CONNECTION_ADMIN: offline_mode would throw the replicas out',
      ),
    );
  if (inspection.enabledEvents > 0)
    findings.push(
      finding(
        false,
        `${inspection.enabledEvents} enabled event(s): they arrive disabled on the new primary, enable them there`,
      ),
    );
  return findings;
}
