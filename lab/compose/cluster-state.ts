/** What one server of a cluster says of itself. */
export interface NodeState {
  readonly name: string;
  readonly isOpen: boolean;
  /** Whether a source is configured: then it is a replica, running or not. */
  readonly hasSource: boolean;
  /** Whether it has never executed a transaction of the cluster. */
  readonly isEmpty: boolean;
  readonly upForSeconds: number;
}

export type ClusterPlan =
  | { readonly kind: 'leave'; readonly because: string }
  /** `attach`: these become replicas of the primary, or their replication is started again, before it is opened. */
  | { readonly kind: 'open'; readonly primary: string; readonly attach: readonly string[] }
  | { readonly kind: 'refuse'; readonly because: string };

/** A server that is closed after this long was closed by somebody: a start closes it in its first second. */
const justStartedSeconds = 180;

/**
 * What to do with a cluster whose servers have just come up, all closed as they are after each start. It opens a
 * server only where there can be no doubt: a promotion is siteshift's work, with its proofs, and never done here.
 * @param nodes in the order of the inventory; the first one of a fresh cluster becomes its primary
 */
export function planCluster(nodes: readonly NodeState[]): ClusterPlan {
  const open = nodes.filter((node) => node.isOpen);
  if (open.length > 0) return { kind: 'leave', because: `open already: ${namesOf(open)}` };
  const primary = primaryOf(nodes);
  if (typeof primary === 'string') return { kind: 'refuse', because: primary };
  if (primary.upForSeconds > justStartedSeconds) {
    const because = `${primary.name} is closed, and not by its start ${primary.upForSeconds} s ago: a run or a person did it`;
    return { kind: 'refuse', because };
  }
  const attach = nodes.filter((node) => node !== primary).map(({ name }) => name);
  return { kind: 'open', primary: primary.name, attach };
}

/** Nobody's replica, while all others are somebody's: it was the primary when they were stopped. */
function primaryOf(nodes: readonly NodeState[]): NodeState | string {
  const [first] = nodes;
  if (first !== undefined && nodes.every((node) => node.isEmpty && !node.hasSource)) return first;
  const [only, ...more] = nodes.filter((node) => !node.hasSource);
  if (only === undefined)
    return 'all servers are closed replicas: which of them has everything is not known here';
  if (more.length === 0) return only;
  return `${namesOf([only, ...more])} are closed and nobody's replicas: each of them may have been the primary`;
}

const namesOf = (nodes: readonly NodeState[]): string => nodes.map(({ name }) => name).join(' and ');
