import { decidePromotion } from '../domain/promotion/decide-promotion.ts';
import { isReached, type JournalRow } from '../domain/promotion/facts.ts';
import { measuredLoss, parseFindings } from '../domain/promotion/findings.ts';
import { openingToFinish } from '../domain/promotion/interrupted.ts';
import { judgePromoted } from '../domain/promotion/judge-promoted.ts';
import { eventsDisabled, leftAfter, standbyUnreached } from '../domain/promotion/left-to-do.ts';
import { nodeNamed, type ObservedPromotion } from '../domain/promotion/observed-promotion.ts';
import type { StepInput } from '../domain/step.ts';
import type { PromoteDatabaseParameters } from '../domain/step-parameters.ts';
import {
  compareWith,
  observeNodes,
  openSessions,
  type ClusterSessions,
} from './databases/cluster-sessions.ts';
import { connectTimeoutsMs } from './databases/connection.ts';
import { demoteOldPrimary } from './databases/demote.ts';
import { disabledEvents } from './databases/events.ts';
import { promoteForced } from './databases/forced.ts';
import { promoteGracefully } from './databases/graceful.ts';
import { readFindings } from './databases/journal.ts';
import { lockNodes } from './databases/lock-nodes.ts';
import { isFrozenByOther, openAgain } from './databases/open-again.ts';
import { at, sessionTo, type Promotion } from './databases/promotion.ts';
import { finishOpening } from './databases/take-over.ts';
import { undoPromotion } from './databases/undo.ts';
import { StepRefused, type Applied, type StepKind, type Verified } from './define-step.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<PromoteDatabaseParameters>;

/**
 * Moves the primary of one database cluster to another site. Graceful: freezes the old primary and loses nothing, or
 * changes nothing. Forced: goes by what the standbys received, and states what may be lost. From the freeze to the
 * opening it is this one activity; where an attempt was killed, the next one goes on from what the servers say.
 */
export const promoteDatabase: StepKind<PromoteDatabaseParameters, ObservedPromotion> = {
  kind: 'promoteDatabase',
  observe: async (input, tools) => {
    const sessions = await sessionsFor(input, tools);
    try {
      return await observePromotion(sessions, input, input.style === 'graceful');
    } finally {
      sessions.close();
    }
  },
  decide: (observed, input) => ({ evidence: measuredLoss(observed), ...decidePromotion(observed, input) }),
  apply: (input, observed, tools) => underLock(input, tools, applyPromotion, observed),
  verify: verifyPromotion,
  undo: (input, tools) => underLock(input, tools, undoPromotion),
};

/** A forced run does not wait for nodes of the site that is lost, and hardly for those that `wasSilent` a moment ago. */
const sessionsFor = (
  { style, parameters }: Input,
  tools: StepTools,
  wasSilent: (node: string) => boolean = () => false,
): Promise<ClusterSessions> =>
  openSessions(parameters.cluster, tools, (site, name) => {
    const { glance, brief, patient } = connectTimeoutsMs;
    if (style !== 'forced') return patient;
    if (site === parameters.fromSite) return wasSilent(name) ? glance : brief;
    return wasSilent(name) ? brief : patient;
  });

async function observePromotion(
  sessions: ClusterSessions,
  input: Input,
  inspect: boolean,
): Promise<ObservedPromotion> {
  const nodes = await observeNodes(sessions);
  const opened = openingToFinish(nodes, input);
  const compared = await compareWith(sessions, nodes, opened?.primary ?? input.parameters.primary);
  const opening = opened === undefined ? undefined : await readOpening(sessions, opened);
  const inspections: Record<string, ObservedPromotion['inspections'][string]> = {};
  if (inspect) {
    await Promise.all(
      nodes.filter(isReached).map(async ({ name, server }) => {
        const connection = sessions.reached.get(name);
        if (connection !== undefined) inspections[name] = await sessions.driver.inspect(connection, server);
      }),
    );
  }
  return { nodes, inspections, compared, ...(opening === undefined ? {} : { opening }) };
}

async function readOpening(
  sessions: ClusterSessions,
  opened: JournalRow,
): Promise<ObservedPromotion['opening']> {
  const connection = sessions.reached.get(opened.primary);
  if (connection === undefined) return undefined;
  const text = await readFindings(connection, sessions.cluster.journalSchema, opened);
  return { findings: parseFindings(text), disabledEvents: await disabledEvents(connection) };
}

/** Opens the sessions, takes the locks, and looks again: only what is seen under the locks counts. */
async function underLock<Result>(
  input: Input,
  tools: StepTools,
  work: (promotion: Promotion) => Promise<Result>,
  seen?: ObservedPromotion,
): Promise<Result> {
  const wasSilent = (name: string) =>
    seen?.nodes.some((node) => node.name === name && !node.reachable) === true;
  const sessions = await sessionsFor(input, tools, wasSilent);
  try {
    const { database, primary, cluster } = input.parameters;
    const replicationPassword = await tools.secret(cluster.replication.password);
    const found = { evidence: [], details: [], leftToDo: [], durationsMs: {} };
    const promotion = { input, tools, sessions, replicationPassword, ...found };
    const dispensable = input.style === 'forced' ? primary : undefined;
    await at(promotion, 'lock', () =>
      lockNodes(sessions, { database, operation: input.operation.id }, tools, dispensable),
    );
    const inspect = input.mode !== 'undo' && input.style === 'graceful';
    const observed = await observePromotion(sessions, input, inspect);
    return await work({ ...promotion, observed });
  } finally {
    sessions.close();
  }
}

async function applyPromotion(promotion: Promotion): Promise<Applied> {
  const { input, observed } = promotion;
  const decision = decidePromotion(observed, input);
  if (decision.kind === 'refuse') throw new StepRefused(decision.reasons);
  // The lag rose while the locks were taken: the next attempt waits for it as for any other.
  if (decision.kind === 'wait') throw new Error(`waits for ${decision.for.join(' and ')}`);
  const opened = openingToFinish(observed.nodes, input);
  if (opened !== undefined) {
    await finishOpening(promotion, opened);
    await demoteOldPrimary(promotion, opened.primary);
    promotion.leftToDo.push(...leftAfter(observed, opened));
    promotion.details.push(
      `went on where operation ${opened.operation} (epoch ${opened.epoch}) was interrupted, after it had put ${opened.primary} on record`,
    );
    return applied(promotion, opened.primary);
  }
  if (input.style === 'graceful' && isFrozenByOther(promotion))
    return applyPromotion(
      await openAgain(promotion, () => observePromotion(promotion.sessions, input, true)),
    );
  const promoted =
    input.style === 'graceful' ? await promoteGracefully(promotion) : await promoteForced(promotion);
  await demoteOldPrimary(promotion, promoted);
  for (const [name] of promotion.sessions.lost)
    if (name !== input.parameters.primary && nodeNamed(observed.nodes, name) === undefined)
      promotion.leftToDo.push(standbyUnreached(name, promoted));
  await listDisabledEvents(promotion, promoted);
  return applied(promotion, promoted);
}

async function listDisabledEvents(promotion: Promotion, promoted: string): Promise<void> {
  try {
    const names = await disabledEvents(sessionTo(promotion, promoted));
    if (names.length > 0) promotion.leftToDo.push(eventsDisabled(promoted, names));
  } catch (error) {
    if (promotion.tools.signal.aborted) throw error;
    promotion.details.push(`the events of ${promoted} could not be listed: ${String(error)}`);
  }
}

const applied = (promotion: Promotion, promoted: string): Applied => ({
  snapshot: { primary: promotion.input.parameters.primary, promoted },
  evidence: promotion.evidence,
  durationsMs: promotion.durationsMs,
  details: promotion.details,
  leftToDo: [...new Set(promotion.leftToDo)],
});

async function verifyPromotion(
  input: Input,
  tools: StepTools,
  done?: Applied,
): Promise<Verified<ObservedPromotion>> {
  // Who was silent during the promotion is on its list already; a look at the lost site is all that is left.
  const { cluster, fromSite } = input.parameters;
  const sessions = await sessionsFor(input, tools, (name) => cluster.nodes[name]?.site === fromSite);
  try {
    const observed = await observePromotion(sessions, input, false);
    // Applications that come back may take the last free connections of a server for a moment.
    const isComing = observed.nodes.some((node) => !node.reachable && node.site !== fromSite);
    return { ...judgePromoted(observed, input, done?.durationsMs?.['freezeToOpen']), isComing };
  } finally {
    sessions.close();
  }
}
