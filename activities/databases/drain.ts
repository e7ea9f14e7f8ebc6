import { at, pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';
import type { Received } from './received.ts';

/** Who shall be promoted, and how it comes to hold what it must. */
export interface Chosen {
  readonly name: string;
  readonly catchUpFrom?: string;
  /** Received transactions that are given up with the operator's consent. */
  readonly lacks: number;
}

/** @returns the node whose applier broke or did not finish, undefined when the winner holds all that it shall */
export async function drain(
  promotion: Promotion,
  chosen: Chosen,
  received: Received,
): Promise<{ readonly node: string; readonly why: string } | undefined> {
  const { sessions } = promotion;
  const { driver } = sessions;
  const startedAt = promotion.tools.now();
  const holder = chosen.catchUpFrom ?? chosen.name;
  const why = await applyAll(promotion, holder, received.totals.get(holder) ?? '');
  promotion.durationsMs['drain'] = promotion.tools.now() - startedAt;
  if (why !== undefined) return { node: holder, why };
  if (chosen.catchUpFrom === undefined) return undefined;
  const follower = sessionTo(promotion, chosen.name);
  await at(promotion, 'stop-follower', () => driver.stopReplication(follower));
  await at(promotion, 'point-follower', () => driver.pointTo(follower, sourceAt(promotion, holder)));
  await at(promotion, 'start-follower', () => driver.startReplication(follower));
  const late = await applyAll(promotion, chosen.name, received.union);
  return late === undefined ? undefined : { node: chosen.name, why: late };
}

/** Waits until a node has applied `target`, then proves it; a broken applier gets no time. */
async function applyAll(promotion: Promotion, name: string, target: string): Promise<string | undefined> {
  const { driver, cluster } = promotion.sessions;
  const connection = sessionTo(promotion, name);
  if (target === '') return undefined;
  const lacks = async () =>
    (await driver.difference(connection, await driver.position(connection), target)).missing;
  let broken: string | undefined;
  const late = await pollUntil(
    promotion,
    {
      what: `${name} has applied what it received (${target})`,
      withinMs: cluster.catchUpTimeoutMs,
      everyMs: 5,
    },
    async () => {
      if (await driver.waitFor(connection, target, 1_000)) return undefined;
      const [channel] = (await driver.observe(connection)).channels;
      if (channel !== undefined && channel.applierErrno !== 0) {
        broken = `its applier stopped by error ${channel.applierErrno}: ${channel.applierError}`;
        return undefined;
      }
      // Taken out of replication by an earlier attempt: what it has written itself since never counts as applied.
      if (channel === undefined && (await lacks()) === '') return undefined;
      return `applier ${channel?.applier ?? 'detached'}, still behind`;
    },
  );
  if (broken !== undefined || late !== undefined) return broken ?? late;
  const missing = await lacks();
  return missing === ''
    ? undefined
    : `it claims to have applied ${target} and lacks ${missing}: it has diverged`;
}
