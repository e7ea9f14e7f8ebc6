import { chooseCandidate } from '../../domain/promotion/candidates.ts';
import { isReplica, type Position } from '../../domain/promotion/facts.ts';
import { StepRefused } from '../define-step.ts';
import type { DatabaseConnection } from './connection.ts';
import { createSchema, createTable, journalExists, writeJournal } from './journal.ts';
import { at, found, pollUntil, sessionTo, type Promotion } from './promotion.ts';

/** The old primary after the freeze: it accepts nothing more, and this is its last position. */
export interface FrozenPrimary {
  readonly name: string;
  readonly position: Position;
  readonly identity: string;
  /** ms since 1970 of the freeze's statement, by this attempt. */
  readonly since: number;
  /** Its client sessions have been ended; goes on beside the catching up, and is awaited before the last look at it. */
  readonly cleared: Promise<number>;
}

/** @param creating called right before the first statement, where the journal has to be made */
export async function ensureJournal(
  promotion: Promotion,
  connection: DatabaseConnection,
  creating: () => void = () => undefined,
): Promise<void> {
  const { journalSchema } = promotion.sessions.cluster;
  if (await journalExists(connection, journalSchema)) return;
  creating();
  await at(promotion, 'create-schema', () => createSchema(connection, journalSchema));
  await at(promotion, 'create-table', () => createTable(connection, journalSchema));
}

/** Puts the intention on record, in the target and its replicas, while it can still be written. */
export async function writeIntent(promotion: Promotion, candidate: string): Promise<void> {
  const { input, sessions, observed, tools } = promotion;
  const { primary: name, database } = input.parameters;
  const primary = sessionTo(promotion, name);
  const { journalSchema, durability } = sessions.cluster;
  const facts = observed.nodes.find((node) => node.name === name);
  await ensureJournal(promotion, primary);
  const holder = await at(promotion, 'write-intent', () =>
    writeJournal(primary, journalSchema, {
      epoch: input.operation.epoch,
      phase: 'intended',
      operation: input.operation.id,
      primary: candidate,
      identity: '',
      previous: name,
      position: facts?.reachable === true ? facts.server.executed.last : '',
      durability,
      at: tools.now(),
    }),
  );
  if (holder !== undefined)
    throw new StepRefused([
      `${database}: the journal on ${name} holds epoch ${holder.epoch} of operation ${holder.operation}, this is epoch ${input.operation.epoch} of ${input.operation.id}`,
    ]);
}

export const pickCandidate = (promotion: Promotion, resuming: boolean): string => {
  const candidate = chooseCandidate(promotion.observed, promotion.input, resuming);
  if (candidate === undefined) throw new StepRefused(['no standby can be promoted any more']);
  return candidate;
};

const CLOSE_ENOUGH_MS = 30;
const TOO_SLOW_MS = 1_000;
/** In all. Users whose units are fenced wait meanwhile, and in an emergency everybody does. */
const PRE_SYNC_MS = { graceful: 15_000, forced: 2_000 } as const;

/**
 * Lets the candidate come near before anybody else is stopped: how long it needs for what is there now is how long the
 * freeze will last. One more round is only made while it makes the freeze shorter by more than it takes itself: behind a
 * fence the second one finds nothing left to apply, and under full load an applier may never be near.
 */
export async function preSync(promotion: Promotion, candidate: string): Promise<void> {
  const { input, sessions, tools } = promotion;
  const { driver, cluster } = sessions;
  const primary = sessionTo(promotion, input.parameters.primary);
  const standby = sessionTo(promotion, candidate);
  const withinMs = Math.min(cluster.catchUpTimeoutMs, PRE_SYNC_MS[input.style]);
  await at(promotion, 'pre-sync', async () => {
    const deadline = tools.now() + withinMs;
    let lastMs = Number.POSITIVE_INFINITY;
    for (let beforeMs = lastMs; tools.now() < deadline; beforeMs = lastMs) {
      const { last } = await driver.position(primary);
      const startedAt = tools.now();
      const reached = await driver.waitFor(standby, last, Math.max(1, deadline - startedAt));
      lastMs = reached ? tools.now() - startedAt : Number.POSITIVE_INFINITY;
      if (lastMs <= CLOSE_ENOUGH_MS || (lastMs <= TOO_SLOW_MS && lastMs > beforeMs / 2)) break;
    }
    if (lastMs > TOO_SLOW_MS && input.style === 'graceful')
      throw new StepRefused([
        `${candidate} does not keep up: it needed ${Number.isFinite(lastMs) ? lastMs : `more than ${withinMs}`} ms to apply what ${input.parameters.primary} had, expected at most ${TOO_SLOW_MS}; nothing was frozen, but users whose units are fenced stay so: retry when it has caught up, or abort to open them where they were`,
      ]);
    found(
      promotion,
      'candidate caught up before the freeze in (ms)',
      Number.isFinite(lastMs) ? lastMs : `not within ${withinMs}`,
      candidate,
    );
  });
  await at(promotion, 'rotate-binlog', () => driver.rotateBinlog(standby));
}

/**
 * Freezes and reads the last position. Ordinary clients are stopped by the freeze itself; ending their sessions goes
 * on meanwhile, and the look right before the opening proves that nobody has written since. FreezeBlocked: unchanged.
 */
export async function freezePrimary(promotion: Promotion): Promise<FrozenPrimary> {
  const { input, sessions, observed, tools } = promotion;
  const { driver, cluster } = sessions;
  const name = input.parameters.primary;
  const primary = sessionTo(promotion, name);
  const keepUsers = [cluster.admin.user, cluster.replication.user];
  const since = tools.now();
  await at(promotion, 'freeze', () => driver.freeze(primary, cluster.freezeTimeoutMs));
  const position = await at(promotion, 'read-position', () => driver.position(primary));
  const cleared = at(promotion, 'clear-sessions', () =>
    driver.clearSessions(primary, cluster.clearSessions, keepUsers),
  );
  cleared.catch(() => undefined); // seen by whoever awaits it
  const facts = observed.nodes.find((node) => node.name === name);
  const identity = facts?.reachable === true ? facts.server.identity : '';
  found(promotion, 'freeze position', position.last, name);
  return { name, position, identity, since, cleared };
}

/**
 * Waits until the candidate has applied all of the frozen primary, then proves it both ways: nothing lacks, and
 * nothing is there that the primary never wrote.
 * @returns undefined when proven, otherwise what is wrong
 */
export async function catchUpWith(
  promotion: Promotion,
  candidate: string,
  frozen: FrozenPrimary,
): Promise<string | undefined> {
  const { sessions, observed } = promotion;
  const { driver, cluster } = sessions;
  const standby = sessionTo(promotion, candidate);
  return at(promotion, 'catch-up', async () => {
    const withinMs = Math.min(cluster.catchUpTimeoutMs, 15_000); // writers wait all the while
    const late = await pollUntil(
      promotion,
      { what: `${candidate} has applied everything up to ${frozen.position.last}`, withinMs, everyMs: 1 },
      async () => {
        if (await driver.waitFor(standby, frozen.position.last, 2_000)) return undefined;
        const { channels } = await driver.observe(standby);
        return channels[0]?.applierError || 'it is still behind';
      },
    );
    if (late !== undefined) return late;
    const { missing, extra, position } = await driver.proveAgainst(standby, frozen.position);
    if (missing !== '')
      return `${candidate} claims the position of ${frozen.name} and lacks ${missing}: it has diverged`;
    // Detached by an earlier attempt, it may have begun its own history (the journal), after this was proven.
    const facts = observed.nodes.find((node) => node.name === candidate);
    const isDetached = facts?.reachable === true && !isReplica(facts);
    if (extra !== '' && !isDetached)
      return `${candidate} holds ${extra}, which ${frozen.name} never wrote: promoting it would make that everybody's`;
    found(promotion, 'candidate holds exactly the freeze position', position, candidate);
    return undefined;
  });
}
