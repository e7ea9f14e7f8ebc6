import type { ObservedCluster } from '../plan.ts';
import type { DatabaseCluster } from '../schema/inventory.ts';
import { isReached, isReplica, type JournalRow, type NodeFacts, type ReachedNode } from './facts.ts';
import { interruptedFreeze, newestOpening } from './interrupted.ts';

/**
 * Who is the primary, from the servers themselves: the one that is writable; else, when nobody is, the one that the
 * replicas follow (also when it is dead); the journal breaks ties and speaks for servers that nobody follows.
 */
export function findPrimary(
  nodes: readonly NodeFacts[],
  inventory: DatabaseCluster['nodes'],
): ObservedCluster {
  const because = nodes.filter((node) => !isReached(node)).map((node) => `${node.name}: ${node.because}`);
  const reached = nodes.filter(isReached);
  const writable = reached.filter((node) => node.server.writable);
  const opened = newestOpening(nodes);
  const frozen = interruptedFreeze(nodes);
  const found = (name: string, why: string): ObservedCluster => {
    const unfinishedFrom = frozen === undefined ? leftUnfinished(name, nodes, inventory) : undefined;
    return {
      primary: name,
      ...(inventory[name] === undefined ? {} : { primarySite: inventory[name].site }),
      primaryReachable: reached.some((node) => node.name === name),
      ...(unfinishedFrom === undefined ? {} : { unfinishedFrom }),
      because: [why, ...because],
    };
  };
  const [only, second] = writable;
  if (only !== undefined && second !== undefined) {
    const names = writable.map((node) => node.name).join(' and ');
    return {
      primaryReachable: true,
      because: [`${names} both accept writes: split brain, a person must decide`, ...because],
    };
  }
  if (only !== undefined) return found(only.name, `${only.name} accepts writes`);
  if (frozen !== undefined)
    return found(
      frozen.previous,
      `no node accepts writes: operation ${frozen.operation} ended at epoch ${frozen.epoch} between freezing ${frozen.previous} and opening ${frozen.primary}`,
    );
  return followed(reached, nodes, inventory, opened, found, because);
}

/**
 * The node that a promotion of `primary` has left without coming to its end: `primary` follows nobody and is not open
 * yet, or the one it took over from is not made to follow. A primary that was restarted, and is closed, looks the same;
 * it, too, waits for somebody to open it.
 */
function leftUnfinished(
  primary: string,
  nodes: readonly NodeFacts[],
  inventory: DatabaseCluster['nodes'],
): string | undefined {
  const facts = nodes.find((node) => node.name === primary);
  if (facts === undefined || !isReached(facts) || isReplica(facts)) return undefined;
  const opened = newestOpening(nodes);
  const previous =
    opened?.primary === primary ? nodes.find(({ name }) => name === opened.previous) : undefined;
  const isLeft = (node: NodeFacts) => !isReached(node) || !isReplica(node);
  if (!facts.server.writable)
    return (previous ?? nodes.find((node) => node.site !== facts.site && isLeft(node)))?.name;
  const astray = nodes
    .filter(isReached)
    .some((node) => node.name !== primary && followToTop(node.name, nodes, inventory) !== primary);
  return previous !== undefined && isReached(previous) && astray ? previous.name : undefined;
}

function followed(
  reached: readonly ReachedNode[],
  nodes: readonly NodeFacts[],
  inventory: DatabaseCluster['nodes'],
  opened: JournalRow | undefined,
  found: (name: string, why: string) => ObservedCluster,
  because: readonly string[],
): ObservedCluster {
  const votes = new Map<string, string[]>();
  for (const node of reached) {
    const top = followToTop(node.name, nodes, inventory);
    if (top !== undefined && top !== node.name) votes.set(top, [...(votes.get(top) ?? []), node.name]);
  }
  const ranked = [...votes].sort(
    ([a, followersA], [b, followersB]) =>
      Number(b === opened?.primary) - Number(a === opened?.primary) ||
      followersB.length - followersA.length ||
      (a < b ? -1 : 1),
  );
  const [best] = ranked;
  if (best !== undefined)
    return found(best[0], `no node accepts writes; ${best[1].join(', ')} replicate from ${best[0]}`);
  if (opened !== undefined && inventory[opened.primary] !== undefined)
    return found(
      opened.primary,
      `no node accepts writes and none replicates; the journal names ${opened.primary} at epoch ${opened.epoch}`,
    );
  return {
    primaryReachable: false,
    because: ['no node accepts writes, none replicates, and no journal names a primary', ...because],
  };
}

/** Follows sources upwards; ends at a node that follows nobody or cannot be asked. undefined: an unknown source, a ring. */
function followToTop(
  start: string,
  nodes: readonly NodeFacts[],
  inventory: DatabaseCluster['nodes'],
): string | undefined {
  const seen = new Set<string>();
  let current = start;
  for (;;) {
    if (seen.has(current)) return undefined;
    seen.add(current);
    const facts = nodes.find((node) => node.name === current);
    if (facts === undefined || !isReached(facts)) return current;
    const next = sourceOf(facts, nodes, inventory);
    if (next === undefined) return facts.server.channels.length === 0 ? current : undefined;
    current = next;
  }
}

/** The inventory node that a replica follows: by address, else by the identity of a node that answers or is journaled. */
export function sourceOf(
  node: ReachedNode,
  nodes: readonly NodeFacts[],
  inventory: DatabaseCluster['nodes'],
): string | undefined {
  for (const channel of node.server.channels) {
    for (const [name, { host, port }] of Object.entries(inventory)) {
      if (sameHost(host, channel.sourceHost) && port === channel.sourcePort) return name;
    }
    const byIdentity = identityOwner(channel.sourceIdentity, nodes);
    if (byIdentity !== undefined) return byIdentity;
  }
  return undefined;
}

function identityOwner(identity: string, nodes: readonly NodeFacts[]): string | undefined {
  if (identity === '' || identity === '0') return undefined;
  const reached = nodes.filter(isReached);
  const alive = reached.find((node) => node.server.identity === identity);
  return (
    alive?.name ?? reached.flatMap((node) => node.journal).find((row) => row.identity === identity)?.primary
  );
}

const sameHost = (a: string, b: string): boolean => plainHost(a) === plainHost(b);
const plainHost = (host: string): string =>
  host.toLowerCase() === 'localhost' || host === '::1' ? '127.0.0.1' : host.toLowerCase();
