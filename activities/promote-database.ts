import {
  decidePromotion,
  nodeNamed,
  ownRow,
  type ObservedPromotion,
} from '../domain/promotion/decide-promotion.ts';
import { preflight } from '../domain/promotion/preflight.ts';
import type { StepInput } from '../domain/step.ts';
import type { PromoteDatabaseParameters } from '../domain/step-parameters.ts';
import { StepFailed, StepRefused, type Applied, type StepKind, type Verified } from './define-step.ts';
import {
  compareWith,
  lockNodes,
  observeNodes,
  openSessions,
  type ClusterSessions,
} from './databases/cluster-sessions.ts';
import { DatabaseError } from './databases/connection.ts';
import { demoteOldPrimary } from './databases/demote.ts';
import { FreezeBlocked } from './databases/driver.ts';
import { writeJournal } from './databases/journal.ts';
import {
  catchUpWith,
  freezePrimary,
  pickCandidate,
  preSync,
  writeIntent,
  type FrozenPrimary,
} from './databases/planned.ts';
import { at, sessionTo, type Promotion } from './databases/promotion.ts';
import { restoreOldPrimary } from './databases/restore.ts';
import { finishOpening, takeOver } from './databases/take-over.ts';
import { electSurvivor, receiveAgain } from './databases/unplanned.ts';
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
    const sessions = await openSessions(input.parameters.cluster, tools);
    try {
      return await observePromotion(sessions, input, input.style === 'graceful');
    } finally {
      sessions.close();
    }
  },
  decide: decidePromotion,
  apply: (input, _observed, tools) => underLock(input, tools, applyPromotion),
  verify: verifyPromotion,
  undo: (input, tools) => underLock(input, tools, undoPromotion),
};

async function observePromotion(
  sessions: ClusterSessions,
  input: Input,
  inspect: boolean,
): Promise<ObservedPromotion> {
  const nodes = await observeNodes(sessions);
  const reference = ownRow(nodes, input, 'opened')?.primary ?? input.parameters.primary;
  const compared = await compareWith(sessions, nodes, reference);
  const inspections: Record<string, ObservedPromotion['inspections'][string]> = {};
  if (inspect) {
    await Promise.all(
      [...sessions.reached].map(async ([name, connection]) => {
        inspections[name] = await sessions.driver.inspect(connection);
      }),
    );
  }
  return { nodes, inspections, compared };
}

/** Opens the sessions, takes the locks, and looks again: only what is seen under the locks counts. */
async function underLock<Result>(
  input: Input,
  tools: StepTools,
  work: (promotion: Promotion) => Promise<Result>,
): Promise<Result> {
  const sessions = await openSessions(input.parameters.cluster, tools);
  try {
    const promotion = { input, tools, sessions, evidence: [], details: [], leftToDo: [], durationsMs: {} };
    await at(promotion, 'lock', () => lockNodes(sessions, input.parameters.database, tools));
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
  if (decision.kind === 'wait') throw new StepRefused(decision.for.map((what) => `waits for ${what}`));
  const opened = ownRow(observed.nodes, input, 'opened');
  if (opened !== undefined) {
    await finishOpening(promotion, opened.primary);
    await demoteOldPrimary(promotion, opened.primary);
    promotion.details.push('went on after an interrupted attempt that had opened the journal');
    return applied(promotion, opened.primary);
  }
  const promoted =
    input.style === 'graceful' ? await promoteGracefully(promotion) : await promoteForced(promotion);
  await demoteOldPrimary(promotion, promoted);
  return applied(promotion, promoted);
}

const applied = (promotion: Promotion, promoted: string): Applied => ({
  snapshot: { primary: promotion.input.parameters.primary, promoted },
  evidence: promotion.evidence,
  durationsMs: promotion.durationsMs,
  details: promotion.details,
  leftToDo: promotion.leftToDo,
});

/** The old primary is frozen by an earlier attempt of this operation, or will be by this one. */
async function promoteGracefully(promotion: Promotion): Promise<string> {
  const { input, observed } = promotion;
  const { primary, cluster } = input.parameters;
  const resuming = nodeNamed(observed.nodes, primary)?.server.writable === false;
  const candidate = pickCandidate(promotion, resuming);
  for (const finding of preflight(cluster, primary, observed.nodes, observed.inspections))
    promotion.evidence.push({ what: 'preflight', value: finding.text, source: finding.node });
  if (!resuming) {
    await writeIntent(promotion, candidate);
    await preSync(promotion, candidate);
  }
  let forwardOnly = false;
  try {
    const frozen = await freezePrimary(promotion);
    const problem = await catchUpWith(promotion, candidate, frozen);
    if (problem !== undefined) throw new StepRefused([problem], promotion.evidence);
    const committing = () => {
      forwardOnly = true;
    };
    const position = frozen.position.last;
    await takeOver(promotion, { candidate, position, frozen, journaled: true, committing });
    return candidate;
  } catch (error) {
    if (forwardOnly || promotion.tools.signal.aborted) throw error;
    throw await takenBack(promotion, error);
  }
}

/** A planned promotion that cannot go on gives the primary back at once, and parks with the reason. */
async function takenBack(promotion: Promotion, error: unknown): Promise<unknown> {
  const { primary } = promotion.input.parameters;
  const reasons =
    error instanceof StepRefused ? error.reasons : [error instanceof Error ? error.message : String(error)];
  // Whether the old primary itself is lost shows here: then the next attempt observes that and says so.
  if (error instanceof DatabaseError && error.node === primary && error.failure !== 'statement') return error;
  try {
    const problems = await restoreOldPrimary(promotion);
    if (problems.length === 0)
      return new StepRefused([...reasons, `${primary} accepts writes as before`], promotion.evidence);
    return new StepFailed([...reasons, ...problems].join('; '), { primary, problems });
  } catch (failure) {
    return new StepFailed([...reasons, `${primary} could not be given back: ${String(failure)}`].join('; '), {
      primary,
    });
  }
}

/** Tries the careful way first where the old primary answers; it may be half dead, so nothing is taken for granted. */
async function promoteForced(promotion: Promotion): Promise<string> {
  const frozen = await freezeIfPossible(promotion);
  let forwardOnly = false;
  const committing = () => {
    forwardOnly = true;
  };
  try {
    const candidate = frozen === undefined ? undefined : await proveAgainst(promotion, frozen);
    if (frozen !== undefined && candidate !== undefined) {
      const position = frozen.position.last;
      await takeOver(promotion, { candidate, position, frozen, journaled: false, committing });
      return candidate;
    }
    const startedAt = promotion.tools.now();
    const elected = await electSurvivor(promotion, frozen);
    promotion.durationsMs['elect'] = promotion.tools.now() - startedAt;
    await takeOver(promotion, {
      ...elected,
      ...(frozen === undefined ? {} : { frozen }),
      journaled: false,
      committing,
    });
    promotion.durationsMs['electToOpen'] = promotion.tools.now() - startedAt;
    return elected.candidate;
  } catch (error) {
    if (!forwardOnly && error instanceof StepRefused && !promotion.tools.signal.aborted)
      await receiveAgain(promotion).catch(() => undefined);
    throw error;
  }
}

/** undefined: it cannot be reached, or does not let itself be frozen in time. */
async function freezeIfPossible(promotion: Promotion): Promise<FrozenPrimary | undefined> {
  const { input, observed, details } = promotion;
  const { primary, cluster } = input.parameters;
  const facts = nodeNamed(observed.nodes, primary);
  if (facts === undefined) return undefined;
  const commits = cluster.durability === 'async' || facts.server.semiSync.clients >= cluster.ackers;
  try {
    const candidate = pickForced(promotion);
    // Without ackers the row would hang, and with it the session that holds the lock.
    if (facts.server.writable && commits && candidate !== undefined) {
      await writeIntent(promotion, candidate);
      await preSync(promotion, candidate);
    }
    return await freezePrimary(promotion);
  } catch (error) {
    if (!(error instanceof FreezeBlocked) && !(error instanceof DatabaseError && error.node === primary))
      throw error;
    details.push(`${primary} could not be frozen: ${error.message}`);
    return undefined;
  }
}

function pickForced({ observed, input }: Promotion): string | undefined {
  const { toSite, primary, cluster } = input.parameters;
  const usable = observed.nodes.filter(
    (node) =>
      node.site === toSite &&
      node.name !== primary &&
      node.reachable &&
      cluster.nodes[node.name]?.neverPromote !== true &&
      (observed.compared[node.name]?.errant ?? '') === '' &&
      node.server.channels.every((channel) => channel.applierErrno === 0),
  );
  const behind = (name: string) => observed.compared[name]?.behind ?? 0;
  return usable.sort((a, b) => behind(a.name) - behind(b.name) || (a.name < b.name ? -1 : 1))[0]?.name;
}

/** The planned proof, with the old primary frozen; undefined when no standby gets there from it. */
async function proveAgainst(promotion: Promotion, frozen: FrozenPrimary): Promise<string | undefined> {
  const candidate = pickForced(promotion);
  if (candidate === undefined) return undefined;
  try {
    const problem = await catchUpWith(promotion, candidate, frozen);
    if (problem === undefined) return candidate;
    promotion.details.push(problem);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    promotion.details.push(error.message);
  }
  return undefined;
}

async function verifyPromotion(
  input: Input,
  tools: StepTools,
  done?: Applied,
): Promise<Verified<ObservedPromotion>> {
  const sessions = await openSessions(input.parameters.cluster, tools);
  try {
    const observed = await observePromotion(sessions, input, false);
    return judgeVerified(observed, input, done);
  } finally {
    sessions.close();
  }
}

function judgeVerified(
  observed: ObservedPromotion,
  { operation, parameters, style }: Input,
  done: Applied | undefined,
): Verified<ObservedPromotion> {
  const { database, primary } = parameters;
  const opened = ownRow(observed.nodes, { operation }, 'opened');
  const writable = observed.nodes
    .filter((node) => node.reachable && node.server.writable)
    .map((node) => node.name);
  const only = writable.length === 1 && writable[0] === opened?.primary;
  // Forced past an old primary that could not be frozen: semi-sync is its fence, and it is left to do.
  const fencedOld =
    style === 'forced' &&
    opened !== undefined &&
    writable.every((name) => name === opened.primary || name === primary) &&
    writable.includes(opened.primary);
  if (opened === undefined || !(only || fencedOld))
    return {
      ok: false,
      observed,
      summary: `${database}: expected the promoted node alone to accept writes, seen ${writable.join(' and ') || 'none'}; journal: ${opened?.primary ?? 'no row of this operation'}`,
    };
  const frozenMs = done?.durationsMs?.['freezeToOpen'];
  const took = frozenMs === undefined ? '' : `, ${Math.round(frozenMs)} ms frozen`;
  return {
    ok: true,
    observed,
    summary: `${database}: ${opened.primary} is primary at epoch ${operation.epoch} (was ${primary})${took}`,
  };
}

async function undoPromotion(promotion: Promotion): Promise<Applied & { readonly summary: string }> {
  const { input, observed, sessions, tools } = promotion;
  const { primary, database, toSite } = input.parameters;
  const { operation } = input;
  const opened = ownRow(observed.nodes, input, 'opened');
  if (opened !== undefined)
    throw new StepRefused([
      `${opened.primary} has been opened at epoch ${opened.epoch}: there is no way back, only forward`,
    ]);
  const unseen = observed.nodes.filter(
    (node) => !node.reachable && node.name !== primary && node.site === toSite,
  );
  if (unseen.length > 0)
    throw new StepRefused(
      unseen.map((node) => `${node.name} cannot be reached, so it is not proven that it was never opened`),
    );
  const intended = ownRow(observed.nodes, input, 'intended');
  if (intended === undefined) return { summary: `${database}: nothing had been changed by this operation` };
  const old = sessionTo(promotion, primary);
  const problems = await restoreOldPrimary(promotion);
  if (problems.length > 0) throw new StepFailed(problems.join('; '), { primary, problems: [...problems] });
  // A late attempt of this operation, still on its way, finds this and stops.
  await writeJournal(old, sessions.cluster.journalSchema, {
    ...intended,
    phase: 'undone',
    epoch: operation.epoch,
    at: tools.now(),
  });
  return { summary: `${database}: ${primary} accepts writes as before`, evidence: promotion.evidence };
}
