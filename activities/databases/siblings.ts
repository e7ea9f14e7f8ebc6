import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { at, sessionTo, sourceAt, type Promotion } from './promotion.ts';

/** How long an emergency, once it is open, waits for a standby that hangs, say in a long transaction. */
const LATE_MS = 5_000;

/** The standbys on their way to a candidate. */
export interface Siblings {
  /** How many have been started behind it. */
  brought(): number;
  /** Whether one is stopped or about to be, so that the candidate may still count it among its ackers. */
  moving(): boolean;
  finish(): Promise<void>;
}

/**
 * All other nodes that answer, except the old primary: each is stopped and pointed at once, and started as soon as the
 * candidate is ready, whatever the others do. One that does not come along is left to do.
 */
export function bringSiblings(promotion: Promotion, candidate: string, ready: Promise<void>): Siblings {
  const { sessions, input, observed, tools } = promotion;
  const { driver, cluster } = sessions;
  const pending = new Set(sessions.reached.keys());
  for (const name of [candidate, input.parameters.primary]) pending.delete(name);
  const source = sourceAt(promotion, candidate);
  let brought = 0;
  const bring = async (name: string) => {
    const connection = sessionTo(promotion, name);
    const isAcker = nodeNamed(observed.nodes, name)?.server.semiSync.replicaEnabled === true;
    await at(promotion, 'stop-siblings', () => driver.stopReplication(connection));
    if (cluster.durability === 'semisync' && !isAcker)
      await at(promotion, 'relieve-siblings', () => driver.relieveSemiSync(connection));
    await at(promotion, 'point-siblings', () => driver.pointTo(connection, source));
    await ready;
    await at(promotion, 'start-siblings', () => driver.startReplication(connection));
    pending.delete(name);
    brought += 1;
  };
  const attached = Promise.all(
    [...pending].map((name) =>
      bring(name).catch((error: unknown) => {
        if (tools.signal.aborted) throw error;
        pending.delete(name);
        promotion.leftToDo.push(`${name} must be made to follow ${candidate}: ${String(error)}`);
      }),
    ),
  );
  attached.catch(() => undefined); // until it is finished, whoever fails is judged by the ackers that are left
  return {
    brought: () => brought,
    moving: () => pending.size > 0,
    finish: async () => {
      if (input.style === 'forced' && pending.size > 0) {
        await Promise.race([attached, tools.sleep(LATE_MS)]);
        for (const name of pending) sessions.forsake(name, `not along ${LATE_MS} ms after the opening`);
      }
      await attached;
    },
  };
}
