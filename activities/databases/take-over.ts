import type { JournalRow } from '../../domain/promotion/facts.ts';
import { promotionPosition, recordedEvidence, type Findings } from '../../domain/promotion/findings.ts';
import { remainingAckers } from '../../domain/promotion/guarantees.ts';
import { acknowledgesAlone } from '../../domain/promotion/left-to-do.ts';
import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { StepRefused } from '../define-step.ts';
import type { DatabaseConnection } from './connection.ts';
import { writeJournal } from './journal.ts';
import { ensureJournal, type FrozenPrimary } from './planned.ts';
import { at, found, pollUntil, sessionTo, type Promotion } from './promotion.ts';
import { bringSiblings, type Siblings } from './siblings.ts';

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
  const { driver } = promotion.sessions;
  const candidate = sessionTo(promotion, options.candidate);
  const ready = at(promotion, 'detach-candidate', () => driver.stopReplication(candidate)).then(() =>
    armSemiSync(promotion, candidate),
  );
  const siblings = bringSiblings(promotion, options.candidate, ready);
  await ready;
  const dropped = dropSource(promotion, candidate);
  dropped.catch(() => undefined);
  const durability = await awaitAckers(promotion, candidate, siblings);
  await dropped;
  await verifyFrozen(promotion, options);
  await openCandidate(promotion, candidate, { ...options, durability });
  await at(promotion, 'finish-siblings', () => siblings.finish());
}

/**
 * As late as it can be, since until then the topology itself tells an operation that comes later whom the candidate
 * followed; but before the journal's row: who is on record there and follows nobody is the primary.
 */
const dropSource = (promotion: Promotion, candidate: DatabaseConnection): Promise<void> =>
  at(promotion, 'drop-source', () => promotion.sessions.driver.dropReplication(candidate));

/** Only once the applier has ended: it would wait for acknowledgements itself. */
async function armSemiSync(promotion: Promotion, candidate: DatabaseConnection): Promise<void> {
  const { driver, cluster } = promotion.sessions;
  if (cluster.durability === 'semisync' && !standsAlone(promotion))
    await at(promotion, 'arm-semi-sync', () => driver.armSemiSync(candidate, cluster.ackers));
}

/** A person has accepted that there is nobody to wait for. */
const standsAlone = ({ sessions, input, observed }: Promotion): boolean =>
  input.overrides?.['acceptAlone'] !== undefined &&
  remainingAckers(input.parameters.primary, observed.nodes) < sessions.cluster.ackers;

/** For the journal: `alone` when a person accepted that nobody acknowledges. */
type OpenedDurability = 'semisync' | 'async' | 'alone';

/** A commit without an acker would hang, so the opening waits for them; `acceptAlone` opens without semi-sync. */
async function awaitAckers(
  promotion: Promotion,
  candidate: DatabaseConnection,
  siblings: Siblings,
): Promise<OpenedDurability> {
  const { sessions, input } = promotion;
  const { driver, cluster } = sessions;
  if (cluster.durability === 'async') return 'async';
  return at(promotion, 'await-ackers', async () => {
    const acceptAlone = input.overrides?.['acceptAlone'];
    const isExpected = !standsAlone(promotion);
    const problem = isExpected
      ? await missingAckers(promotion, candidate, siblings, acceptAlone === undefined ? 10_000 : 2_000)
      : 'nobody else answers';
    if (problem === undefined) return 'semisync';
    if (acceptAlone === undefined)
      throw new StepRefused(
        [
          problem,
          ...promotion.leftToDo,
          'opened now, every write would hang; bring a replica back, or answer acceptAlone: it is opened with semi-sync off',
        ],
        promotion.evidence,
      );
    if (isExpected) await at(promotion, 'stand-alone', () => driver.relieveSemiSync(candidate));
    found(promotion, 'opened without acknowledgers', acceptAlone, candidate.node);
    promotion.leftToDo.push(acknowledgesAlone(candidate.node));
    return 'alone';
  });
}

/** Where an earlier attempt has attached standbys, they are counted until they are stopped: those do not count here. */
const missingAckers = (
  promotion: Promotion,
  candidate: DatabaseConnection,
  siblings: Siblings,
  withinMs: number,
): Promise<string | undefined> => {
  const { driver, cluster } = promotion.sessions;
  return pollUntil(
    promotion,
    {
      what: `${cluster.ackers} replica(s) can acknowledge to ${candidate.node}`,
      withinMs,
      everyMs: 1,
    },
    async () => {
      if (siblings.moving() && siblings.brought() < cluster.ackers)
        return `${siblings.brought()} brought over`;
      const clients = await driver.semiSyncClients(candidate);
      return clients >= cluster.ackers ? undefined : `${clients} can`;
    },
  );
};

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
  options: TakeOver & { readonly durability: OpenedDurability },
): Promise<void> {
  const { sessions, tools } = promotion;
  const { driver } = sessions;
  await at(promotion, 'admit-journal', () => driver.admitOrchestrator(candidate));
  // Making the journal writes to the binary log, too.
  if (!options.journaled) await ensureJournal(promotion, candidate, options.committing);
  await at(promotion, 'write-journal', async () => {
    options.committing();
    found(promotion, promotionPosition, options.position, options.candidate);
    await recordOpening(promotion, candidate, { ...options, frozenSince: options.frozen?.since ?? null });
  });
  await at(promotion, 'open', () => driver.open(candidate));
  if (options.frozen !== undefined)
    promotion.durationsMs['freezeToOpen'] = tools.now() - options.frozen.since;
}

interface Opening {
  readonly position: string;
  readonly durability: OpenedDurability;
  readonly frozenSince: number | null;
}

/** @throws StepRefused when the journal belongs to a later operation or to a twin */
async function recordOpening(
  { input, sessions, observed, tools, evidence, details, durationsMs }: Promotion,
  promoted: DatabaseConnection,
  { position, durability, frozenSince }: Opening,
): Promise<void> {
  const { operation, parameters } = input;
  const { cluster } = sessions;
  const findings: Findings = { evidence, details, durationsMs, frozenSince };
  const row: JournalRow = {
    epoch: operation.epoch,
    phase: 'opened',
    operation: operation.id,
    primary: promoted.node,
    identity: nodeNamed(observed.nodes, promoted.node)?.server.identity ?? '',
    previous: parameters.primary,
    position,
    durability,
    at: tools.now(),
  };
  const holder = await writeJournal(promoted, cluster.journalSchema, row, JSON.stringify(findings));
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
  const { driver } = sessions;
  const connection = sessionTo(promotion, opened.primary);
  const closed = nodeNamed(observed.nodes, opened.primary)?.server.writable !== true;
  const findings = observed.opening?.findings ?? null;
  promotion.evidence.push(...recordedEvidence(opened, findings));
  promotion.details.push(...(findings?.details ?? []));
  Object.assign(promotion.durationsMs, findings?.durationsMs);
  if (closed) {
    // It may have been restarted in between: then it has forgotten its role, and its replicas must be counted again.
    await at(promotion, 'detach-candidate', () => driver.stopReplication(connection));
    await dropSource(promotion, connection);
    await armSemiSync(promotion, connection);
  }
  const siblings = bringSiblings(promotion, opened.primary, Promise.resolve());
  const isOwn = opened.epoch === input.operation.epoch && opened.operation === input.operation.id;
  if (closed || !isOwn) {
    const durability = await awaitAckers(promotion, connection, siblings);
    if (!isOwn) await adopt(promotion, opened, durability);
  }
  if (closed) {
    await at(promotion, 'open', () => driver.open(connection));
    const since = findings?.frozenSince ?? null;
    if (since !== null) promotion.durationsMs['freezeToOpen'] = promotion.tools.now() - since;
  }
  await at(promotion, 'finish-siblings', () => siblings.finish());
}

async function adopt(promotion: Promotion, opened: JournalRow, durability: OpenedDurability): Promise<void> {
  const { driver } = promotion.sessions;
  const connection = sessionTo(promotion, opened.primary);
  const { last } = await driver.position(connection);
  const frozenSince = promotion.observed.opening?.findings?.frozenSince ?? null;
  found(promotion, 'went on with the opening of', opened.operation, opened.primary);
  await at(promotion, 'admit-journal', () => driver.admitOrchestrator(connection));
  await at(promotion, 'write-journal', () =>
    recordOpening(promotion, connection, { position: last, durability, frozenSince }),
  );
}
