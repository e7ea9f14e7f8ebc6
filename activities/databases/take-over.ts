import { isReached, type JournalRow } from '../../domain/promotion/facts.ts';
import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
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
  await at(promotion, 'detach-candidate', () => promotion.sessions.driver.stopReplication(candidate));
  if (semisync) await armSemiSync(promotion, candidate);
  const attached = siblings.start();
  attached.catch(() => undefined);
  const dropped = dropSource(promotion, candidate);
  dropped.catch(() => undefined);
  if (semisync) await awaitAckers(promotion, candidate, attached);
  await dropped;
  await verifyFrozen(promotion, options);
  await openCandidate(promotion, candidate, options);
  await at(promotion, 'finish-siblings', () => attached);
}

/**
 * As late as it can be, since until then the topology itself tells an operation that comes later whom the candidate
 * followed; but before the journal's row: who is on record there and follows nobody is the primary.
 */
const dropSource = (promotion: Promotion, candidate: DatabaseConnection): Promise<void> =>
  at(promotion, 'drop-source', () => promotion.sessions.driver.dropReplication(candidate));

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
  const { sessions, tools } = promotion;
  const { driver, cluster } = sessions;
  await at(promotion, 'admit-journal', () => driver.admitOrchestrator(candidate));
  await at(promotion, 'write-journal', async () => {
    if (!options.journaled && !(await journalExists(candidate, cluster.journalSchema))) {
      options.committing(); // creating the table writes to the binary log, too
      await createJournal(candidate, cluster.journalSchema);
    }
    options.committing();
    await recordOpening(promotion, candidate, options.position);
  });
  await at(promotion, 'open', () => driver.open(candidate));
  if (options.frozen !== undefined)
    promotion.durationsMs['freezeToOpen'] = tools.now() - options.frozen.since;
  found(promotion, 'promotion position', options.position, options.candidate);
}

/** @throws StepRefused when the journal belongs to a later operation or to a twin */
async function recordOpening(
  { input, sessions, observed, tools }: Promotion,
  promoted: DatabaseConnection,
  position: string,
): Promise<void> {
  const { operation, parameters } = input;
  const { cluster } = sessions;
  const holder = await writeJournal(promoted, cluster.journalSchema, {
    epoch: operation.epoch,
    phase: 'opened',
    operation: operation.id,
    primary: promoted.node,
    identity: nodeNamed(observed.nodes, promoted.node)?.server.identity ?? '',
    previous: parameters.primary,
    position,
    durability: cluster.durability,
    at: tools.now(),
  });
  if (holder !== undefined)
    throw new StepRefused([
      `${promoted.node} refuses: its journal holds epoch ${holder.epoch} of operation ${holder.operation}, this is epoch ${operation.epoch} of ${operation.id}`,
    ]);
}

/**
 * On record is: opens where a crash left it closed, and brings everybody over. An opening by an operation that ended
 * too early is put on record as ours, so that everything after this step finds its own epoch.
 */
export async function finishOpening(promotion: Promotion, opened: JournalRow): Promise<void> {
  const { sessions, observed, input } = promotion;
  const { driver, cluster } = sessions;
  const connection = sessionTo(promotion, opened.primary);
  const closed = nodeNamed(observed.nodes, opened.primary)?.server.writable !== true;
  const semisync = cluster.durability === 'semisync';
  if (closed) {
    // It may have been restarted in between: then it has forgotten its role, and its replicas must be counted again.
    await driver.stopReplication(connection);
    await driver.dropReplication(connection);
    if (semisync) await armSemiSync(promotion, connection);
  }
  const siblings = bringSiblings(promotion, opened.primary);
  const attached = siblings.start();
  attached.catch(() => undefined);
  if (semisync) await awaitAckers(promotion, connection, attached);
  if (opened.epoch !== input.operation.epoch || opened.operation !== input.operation.id) {
    const { last } = await driver.position(connection);
    await at(promotion, 'admit-journal', () => driver.admitOrchestrator(connection));
    await at(promotion, 'write-journal', () => recordOpening(promotion, connection, last));
    found(promotion, 'went on with the opening of', opened.operation, opened.primary);
  }
  if (closed) await at(promotion, 'open', () => driver.open(connection));
  await at(promotion, 'finish-siblings', () => attached);
}
