import type {
  ChannelFacts,
  JournalRow,
  NodeFacts,
  ReachedNode,
  ServerFacts,
} from '../../../domain/promotion/facts.ts';
import type { ObservedPromotion, PromotionInput } from '../../../domain/promotion/observed-promotion.ts';
import type { DatabaseCluster } from '../../../domain/schema/inventory.ts';

const ports = { 'east-1': 1, 'west-1': 2, 'west-2': 3 } as const;
export type Name = keyof typeof ports;
const siteOf = (name: Name) => name.slice(0, 4);

export const cluster = (durability: 'semisync' | 'async' = 'semisync'): DatabaseCluster => ({
  engine: 'mysql',
  durability,
  ackers: 1,
  nodes: Object.fromEntries(
    Object.entries(ports).map(([name, port]) => [
      name,
      { site: siteOf(name as Name), host: '127.0.0.1', port, neverPromote: false },
    ]),
  ),
  admin: { user: 'admin', password: 'env:NONE' },
  replication: { user: 'replica', password: 'env:NONE' },
  journalSchema: 'siteshift',
  clearSessions: 'kill',
  freezeTimeoutMs: 5_000,
  catchUpTimeoutMs: 60_000,
  maxLagTransactions: 100,
});

const following = (source: Name, more: Partial<ChannelFacts> = {}): ChannelFacts => ({
  name: '',
  sourceHost: '127.0.0.1',
  sourcePort: ports[source],
  sourceIdentity: source,
  receiver: 'on',
  receiverError: '',
  applier: 'on',
  applierErrno: 0,
  applierError: '',
  received: '',
  usesGtid: true,
  delaySeconds: 0,
  filters: '',
  relayFile: '',
  relayPosition: '',
  appliedSourceFile: '',
  ...more,
});

interface Shape {
  readonly open?: boolean;
  readonly follows?: Name;
  readonly channel?: Partial<ChannelFacts>;
  readonly journal?: readonly JournalRow[];
}

/** A node that answers; closed unless it says otherwise. */
export function node(name: Name, { open = false, follows, channel, journal = [] }: Shape = {}): ReachedNode {
  const server: ServerFacts = {
    identity: name,
    version: '8.4',
    writable: open,
    frozen: !open,
    executed: { last: '', state: '' },
    channels: follows === undefined ? [] : [following(follows, channel)],
    semiSync: {
      installed: true,
      sourceEnabled: open,
      replicaEnabled: !open,
      timeoutMs: '4294967295',
      waitPoint: 'AFTER_SYNC',
      clients: open ? 2 : 0,
      required: 1,
      active: open,
    },
    settings: {},
  };
  return { name, site: siteOf(name), reachable: true, server, journal };
}

export const lost = (name: Name): NodeFacts => ({
  name,
  site: siteOf(name),
  reachable: false,
  because: `${name} (127.0.0.1:${ports[name]}) cannot be reached: ECONNREFUSED`,
});

/** A journal row of a move from east-1 to west-1, unless it says otherwise. */
export const row = (
  phase: JournalRow['phase'],
  epoch: number,
  more: Partial<JournalRow> = {},
): JournalRow => ({
  epoch,
  phase,
  operation: `op-${epoch}`,
  primary: 'west-1',
  identity: 'west-1',
  previous: 'east-1',
  position: '',
  durability: 'semisync',
  at: 0,
  ...more,
});

/** Operation `op-20` at epoch 20 moves from east-1 to the west, unless it says otherwise. */
export const move = (
  style: 'graceful' | 'forced' = 'graceful',
  { overrides, ...more }: Partial<PromotionInput['parameters']> & { overrides?: Record<string, string> } = {},
): PromotionInput => ({
  operation: { id: 'op-20', domain: 'shop', epoch: 20, reason: 'test', by: 'test' },
  step: 'promote/orders',
  mode: 'apply',
  style,
  ...(overrides === undefined ? {} : { overrides }),
  parameters: {
    database: 'orders',
    cluster: cluster(),
    primary: 'east-1',
    fromSite: 'east',
    toSite: 'west',
    acceptableLossTransactions: 0,
    ...more,
  },
});

export const observed = (
  nodes: readonly NodeFacts[],
  compared: ObservedPromotion['compared'] = {},
): ObservedPromotion => ({ nodes, inspections: {}, compared });
