import { isReached } from '../../domain/promotion/facts.ts';
import { revocation, type Revocation } from '../../domain/promotion/guarantees.ts';
import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { StepRefused } from '../define-step.ts';
import { observeNodes } from './cluster-sessions.ts';
import { at, found, noteOf, sessionTo, type Promotion } from './promotion.ts';

/** What the survivors hold, after nobody of them receives anything more from the old primary. */
export interface Received {
  readonly totals: ReadonlyMap<string, string>;
  /** Why nothing can be taken from a survivor: its applier is broken, or it holds transactions of its own. */
  readonly obstacles: ReadonlyMap<string, string>;
  /** Transactions that only this survivor's own server wrote. */
  readonly errant: ReadonlyMap<string, string>;
  /** Everything that any survivor received, without transactions that only their own server wrote. */
  readonly union: string;
  readonly cut: Revocation;
}

/**
 * The order is the point: first read what was received (and persist it where the engine could forget), then set
 * stopped appliers to work, and only then stop the receivers.
 */
export async function captureAndRevoke(promotion: Promotion): Promise<Received> {
  const { sessions, input } = promotion;
  const { driver, cluster } = sessions;
  const { primary } = input.parameters;
  const note = noteOf(promotion);
  const names = [...sessions.reached.keys()].filter((name) => name !== primary).sort();
  const each = <Result>(work: (name: string) => Promise<Result>) => Promise.all(names.map(work));
  await at(promotion, 'capture', () =>
    each((name) => driver.captureReceived(sessionTo(promotion, name), note)),
  );
  const obstacles = new Map<string, string>();
  await at(promotion, 'resume-appliers', () =>
    each(async (name) => {
      if (!(await driver.resumeApplier(sessionTo(promotion, name), note)))
        obstacles.set(name, 'its applier stopped by an error');
    }),
  );
  await at(promotion, 'revoke', () => each((name) => driver.revoke(sessionTo(promotion, name))));
  const after = await each(async (name) => ({
    received: await driver.captureReceived(sessionTo(promotion, name), note),
    own: await errantOf(promotion, name),
  }));
  const totals = new Map<string, string>();
  const errant = new Map<string, string>();
  for (const [index, name] of names.entries()) {
    const { received, own = '' } = after[index] ?? {};
    const { total = '', fromSource = '', applierErrno = 0, applierError = '' } = received ?? {};
    if (applierErrno !== 0)
      obstacles.set(name, `its applier stopped by error ${applierErrno}: ${applierError}`);
    if (own !== '') errant.set(name, own);
    if (own !== '' && input.overrides?.['acceptErrant'] === undefined)
      obstacles.set(name, `it holds ${own}, which no other survivor knows of (acceptErrant takes it over)`);
    totals.set(name, own === '' ? total : fromSource);
  }
  const [anybody] = names;
  if (anybody === undefined) throw new StepRefused(['no standby can be reached']);
  const union = await driver.union(sessionTo(promotion, anybody), [...totals.values()]);
  const cut = revocation(cluster, primary, await observeNodes(sessions));
  for (const [name, total] of totals) found(promotion, 'received position', total, name);
  found(promotion, 'acknowledgers cut off from the old primary', { ...cut }, 'standbys');
  return { totals, obstacles, errant, union, cut };
}

/** Own writes of a standby, by comparison with all others that answer; with nobody to compare to, none can be seen. */
async function errantOf(promotion: Promotion, name: string): Promise<string> {
  const { sessions, observed } = promotion;
  const { driver } = sessions;
  const own = nodeNamed(observed.nodes, name);
  // Taken out of replication by an earlier attempt, which had looked; it may have begun the journal since.
  if (own?.server.channels.length === 0) return '';
  const connection = sessionTo(promotion, name);
  const others = observed.nodes.filter(isReached).filter((node) => node.name !== name);
  if (others.length === 0) return '';
  const lists = others.flatMap((node) => [
    node.server.executed.last,
    ...node.server.channels.map((channel) => channel.received),
  ]);
  const known = {
    last: await driver.union(connection, lists),
    state: others
      .map((node) => node.server.executed.state)
      .filter(Boolean)
      .join(','),
  };
  const identity = own?.server.identity ?? '';
  return driver.ownErrant(connection, await driver.position(connection), known, identity);
}
