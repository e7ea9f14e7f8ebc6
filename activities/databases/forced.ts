import { pickSound } from '../../domain/promotion/candidates.ts';
import { isReached } from '../../domain/promotion/facts.ts';
import { mayBeOpen, whyMayBeOpen } from '../../domain/promotion/interrupted.ts';
import { sourceOf } from '../../domain/promotion/find-primary.ts';
import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { StepRefused } from '../define-step.ts';
import { DatabaseError } from './connection.ts';
import { FreezeBlocked } from './driver.ts';
import { catchUpWith, freezePrimary, preSync, writeIntent, type FrozenPrimary } from './planned.ts';
import type { Promotion } from './promotion.ts';
import { takeOver } from './take-over.ts';
import { electSurvivor, receiveAgain } from './unplanned.ts';

/** Tries the careful way first where the old primary answers; it may be half dead, so nothing is taken for granted. */
export async function promoteForced(promotion: Promotion): Promise<string> {
  const frozen = await freezeIfPossible(promotion);
  let forwardOnly = false;
  const committing = () => {
    forwardOnly = true;
  };
  try {
    // With somebody else who may have accepted writes since, the frozen one's position proves nothing.
    const unseen = mayBeOpen(promotion.observed.nodes, promotion.input.parameters.primary);
    if (unseen !== undefined)
      promotion.details.push(`${whyMayBeOpen(unseen)}; the operator vouches that it is off`);
    const candidate =
      frozen === undefined || unseen !== undefined ? undefined : await proveAgainst(promotion, frozen);
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
  const commits = cluster.durability === 'async' || ackersOf(promotion) >= cluster.ackers;
  try {
    const candidate = pickSound(promotion.observed, promotion.input);
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

/** Standbys that receive from the old primary; its own count may not have noticed yet that they have stopped. */
function ackersOf({ observed, input }: Promotion): number {
  const { primary, cluster } = input.parameters;
  return observed.nodes
    .filter(isReached)
    .filter((node) => sourceOf(node, observed.nodes, cluster.nodes) === primary)
    .filter((node) => node.server.channels.some((channel) => channel.receiver === 'on')).length;
}

/** The planned proof, with the old primary frozen; undefined when no standby gets there from it. */
async function proveAgainst(promotion: Promotion, frozen: FrozenPrimary): Promise<string | undefined> {
  const candidate = pickSound(promotion.observed, promotion.input);
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
