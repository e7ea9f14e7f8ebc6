import { isReached } from '../../domain/promotion/facts.ts';
import { StepRefused } from '../define-step.ts';
import type { DatabaseConnection } from './connection.ts';
import { createJournal, journalExists, writeJournal } from './journal.ts';
import type { FrozenPrimary } from './planned.ts';
import { at, found, pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';

/**
 * From a proven candidate to an open primary. Everything before the journal row can be taken back; the row is the
 * first thing that the old primary's history does not have, so from it on the only way is forward.
 */
export interface TakeOver {
  readonly candidate: string;
  /** What the new primary starts from, for the journal. */
  readonly position: string;
  readonly frozen?: FrozenPrimary;
  /** The candidate is known to have the journal's table. */
  readonly journaled: boolean;
  /** Called right before the point of no return. */
  readonly committing: () => void;
}

export async function takeOver(promotion: Promotion, options: TakeOver): Promise<void> {
  const { sessions } = promotion;
  const { cluster } = sessions;
  const candidate = sessionTo(promotion, options.candidate);
  const semisync = cluster.durability === 'semisync';
  const siblings = bringSiblings(promotion, options.candidate);
  // A failed sibling is judged by the ackers that are left; it must not end the process as unhandled meanwhile.
  siblings.pointed.catch(() => undefined);
  await detach(promotion, candidate);
  if (semisync) await armSemiSync(promotion, candidate);
  const attached = siblings.start();
  attached.catch(() => undefined);
  if (semisync) await awaitAckers(promotion, candidate, attached);
  await verifyFrozen(promotion, options);
  await openCandidate(promotion, candidate, options);
  await at(promotion, 'finish-siblings', () => attached);
}

async function detach(promotion: Promotion, candidate: DatabaseConnection): Promise<void> {
  const { driver } = promotion.sessions;
  await at(promotion, 'detach-candidate', async () => {
    await driver.stopReplication(candidate);
    await driver.dropReplication(candidate);
  });
}

/** Only once the applier has ended: it would wait for acknowledgements itself. */
const armSemiSync = (promotion: Promotion, candidate: DatabaseConnection): Promise<void> =>
  at(promotion, 'arm-semi-sync', () =>
    promotion.sessions.driver.armSemiSync(candidate, promotion.sessions.cluster.ackers),
  );

/** All other nodes that answer, except the old primary: stopped and pointed at once, started when the candidate is ready. */
function bringSiblings(
  promotion: Promotion,
  candidate: string,
): { readonly pointed: Promise<readonly string[]>; start(): Promise<void> } {
  const { sessions, input, observed } = promotion;
  const { driver, cluster } = sessions;
  const names = [...sessions.reached.keys()].filter(
    (name) => name !== candidate && name !== input.parameters.primary,
  );
  const attempt = async (
    name: string,
    work: (connection: DatabaseConnection) => Promise<void>,
  ): Promise<boolean> => {
    try {
      await work(sessionTo(promotion, name));
      return true;
    } catch (error) {
      promotion.leftToDo.push(`${name} must be made to follow ${candidate}: ${String(error)}`);
      return false;
    }
  };
  const pointed = (async () => {
    const source = await sourceAt(promotion, candidate);
    const stopped = await at(promotion, 'stop-siblings', () =>
      Promise.all(names.map((name) => attempt(name, (connection) => driver.stopReplication(connection)))),
    );
    const ready = names.filter((_, index) => stopped[index]);
    const done = await at(promotion, 'point-siblings', () =>
      Promise.all(
        ready.map((name) =>
          attempt(name, async (connection) => {
            const facts = observed.nodes.filter(isReached).find((node) => node.name === name);
            if (cluster.durability === 'semisync' && facts?.server.semiSync.replicaEnabled !== true)
              await driver.relieveSemiSync(connection);
            await driver.pointTo(connection, source);
          }),
        ),
      ),
    );
    return ready.filter((_, index) => done[index]);
  })();
  return {
    pointed,
    start: async () => {
      const ready = await pointed;
      await at(promotion, 'start-siblings', () =>
        Promise.all(ready.map((name) => attempt(name, (connection) => driver.startReplication(connection)))),
      );
    },
  };
}

/** A commit without an acker would hang, so the opening waits for them. */
async function awaitAckers(
  promotion: Promotion,
  candidate: DatabaseConnection,
  attached: Promise<void>,
): Promise<void> {
  const { driver, cluster } = promotion.sessions;
  await at(promotion, 'await-ackers', async () => {
    await attached;
    const problem = await pollUntil(
      promotion,
      {
        what: `${cluster.ackers} replica(s) can acknowledge to ${candidate.node}`,
        withinMs: 10_000,
        everyMs: 1,
      },
      async () => {
        const clients = await driver.semiSyncClients(candidate);
        return clients >= cluster.ackers ? undefined : `${clients} can`;
      },
    );
    if (problem !== undefined)
      throw new StepRefused(
        [problem, ...promotion.leftToDo, 'opened now, every write would hang'],
        promotion.evidence,
      );
  });
}

/** The freeze must have held until now: somebody with enough privileges may have lifted it. */
async function verifyFrozen(promotion: Promotion, { frozen }: TakeOver): Promise<void> {
  const { driver } = promotion.sessions;
  await at(promotion, 'verify', async () => {
    if (frozen === undefined) return;
    found(promotion, 'client sessions ended', await frozen.cleared, frozen.name);
    const seen = await driver.closedAt(sessionTo(promotion, frozen.name));
    if (!seen.frozen)
      throw new StepRefused(
        [`${frozen.name} has been opened again by somebody after the freeze`],
        promotion.evidence,
      );
    const { last } = frozen.position;
    if (seen.position.last !== last)
      throw new StepRefused(
        [`${frozen.name} moved after the freeze: expected ${last}, seen ${seen.position.last}`],
        promotion.evidence,
      );
  });
}

async function openCandidate(
  promotion: Promotion,
  candidate: DatabaseConnection,
  options: TakeOver,
): Promise<void> {
  const { input, sessions, observed, tools } = promotion;
  const { driver, cluster } = sessions;
  const { operation, parameters } = input;
  await at(promotion, 'admit-journal', async () => {
    await driver.admitOrchestrator(candidate);
  });
  const facts = observed.nodes.filter(isReached).find((node) => node.name === options.candidate);
  const holder = await at(promotion, 'write-journal', async () => {
    if (!options.journaled && !(await journalExists(candidate, cluster.journalSchema))) {
      options.committing(); // creating the table writes to the binary log, too
      await createJournal(candidate, cluster.journalSchema);
    }
    options.committing();
    return writeJournal(candidate, cluster.journalSchema, {
      epoch: operation.epoch,
      phase: 'opened',
      operation: operation.id,
      primary: options.candidate,
      identity: facts?.server.identity ?? '',
      previous: parameters.primary,
      position: options.position,
      durability: cluster.durability,
      at: tools.now(),
    });
  });
  if (holder !== undefined)
    throw new StepRefused([
      `${options.candidate} refuses: its journal holds epoch ${holder.epoch} of operation ${holder.operation}, this is epoch ${operation.epoch} of ${operation.id}`,
    ]);
  await at(promotion, 'open', () => driver.open(candidate));
  if (options.frozen !== undefined)
    promotion.durationsMs['freezeToOpen'] = tools.now() - options.frozen.since;
  found(promotion, 'promotion position', options.position, options.candidate);
}

/** Ours is journaled: opens where a crash left it closed, and brings everybody over. */
export async function finishOpening(promotion: Promotion, candidate: string): Promise<void> {
  const { sessions, observed } = promotion;
  const { driver, cluster } = sessions;
  const connection = sessionTo(promotion, candidate);
  const facts = observed.nodes.filter(isReached).find((node) => node.name === candidate);
  const closed = facts?.server.writable !== true;
  const semisync = cluster.durability === 'semisync';
  if (closed) {
    // It may have been restarted in between: then it has forgotten its role, and its replicas must be counted again.
    await driver.stopReplication(connection);
    await driver.dropReplication(connection);
    if (semisync) await armSemiSync(promotion, connection);
  }
  const siblings = bringSiblings(promotion, candidate);
  const attached = siblings.start();
  attached.catch(() => undefined);
  if (closed) {
    if (semisync) await awaitAckers(promotion, connection, attached);
    await at(promotion, 'open', () => driver.open(connection));
  }
  await at(promotion, 'finish-siblings', () => attached);
}
