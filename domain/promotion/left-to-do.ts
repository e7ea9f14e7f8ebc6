import type { DatabaseCluster } from '../schema/inventory.ts';
import { isReached, type JournalRow } from './facts.ts';
import type { ObservedPromotion } from './observed-promotion.ts';

// Each thing that a promotion leaves to a person has one wording: an attempt that comes after a killed one says the same.

export const oldPrimaryUnreached = (name: string, promoted: string): string =>
  `${name} could not be reached: end its process with SIGKILL if it still runs; when it is back, closed, it must be rejoined or rebuilt as a standby of ${promoted} (docs/databases.md)`;

export const standbyUnreached = (name: string, promoted: string): string =>
  `${name} could not be reached: when it is back, it must be made to follow ${promoted}`;

export const oldPrimaryOpen = (name: string): string =>
  `${name} still accepts connections as a primary, fenced by semi-sync only: end its process with SIGKILL (a KILL of its sessions, a clean shutdown or switching semi-sync off would commit what nobody has), then rejoin or rebuild it`;

export const holdsMore = (name: string, transactions: string, promoted: string): string =>
  `${name} holds ${transactions}, which ${promoted} lacks: it must stay closed; look at them and save them, then rebuild ${name}`;

export const acknowledgesAlone = (promoted: string): string =>
  `${promoted} acknowledges writes alone, with semi-sync off: attach a replica, then switch semi-sync on again (docs/databases.md)`;

export const eventsDisabled = (promoted: string, events: readonly string[]): string =>
  `enable on ${promoted} the events that it had as a standby: ${events.join(', ')}`;

/** What a person sends to a standby that follows nobody, to attach it. */
export function followStatements({ engine, nodes, replication }: DatabaseCluster, source: string): string {
  const { host = '…', port = '…' } = nodes[source] ?? {};
  const { user } = replication;
  return engine === 'mysql'
    ? `STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '${host}', SOURCE_PORT = ${port}, SOURCE_USER = '${user}', SOURCE_PASSWORD = '…', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA`
    : `STOP SLAVE; CHANGE MASTER TO MASTER_HOST = '${host}', MASTER_PORT = ${port}, MASTER_USER = '${user}', MASTER_PASSWORD = '…', MASTER_USE_GTID = slave_pos; START SLAVE`;
}

/** A standby that a promotion took out of replication, and that it could not put back when it was taken back itself. */
export const mustFollowAgain = (
  name: string,
  primary: string,
  cluster: DatabaseCluster,
  why: string,
): string =>
  `${name} must be made to follow ${primary} again (${why}); on ${name}: ${followStatements(cluster, primary)}`;

/** What the servers themselves tell is still to do after an opening. */
export function leftAfter(
  { nodes, compared, opening }: ObservedPromotion,
  { primary, previous, durability }: JournalRow,
): readonly string[] {
  const left: string[] = [];
  for (const node of nodes) {
    const { name } = node;
    const more = compared[name]?.errant ?? '';
    if (name === primary) continue;
    if (!isReached(node))
      left.push(name === previous ? oldPrimaryUnreached(name, primary) : standbyUnreached(name, primary));
    else if (node.server.writable) left.push(oldPrimaryOpen(name));
    else if (more !== '') left.push(holdsMore(name, more, primary));
  }
  if (durability === 'alone') left.push(acknowledgesAlone(primary));
  const events = opening?.disabledEvents ?? [];
  if (events.length > 0) left.push(eventsDisabled(primary, events));
  return left;
}
