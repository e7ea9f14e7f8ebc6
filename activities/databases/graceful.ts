import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { preflight } from '../../domain/promotion/preflight.ts';
import { StepFailed, StepRefused } from '../define-step.ts';
import { DatabaseError, isSessionLost } from './connection.ts';
import { catchUpWith, freezePrimary, pickCandidate, preSync, writeIntent } from './planned.ts';
import type { Promotion } from './promotion.ts';
import { restoreOldPrimary } from './restore.ts';
import { takeOver } from './take-over.ts';

/** The old primary is frozen by an earlier attempt of this operation, or will be by this one. */
export async function promoteGracefully(promotion: Promotion): Promise<string> {
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
  if (isSessionLost(error) && error.node === primary) return error;
  try {
    const { problems, detached } = await restoreOldPrimary(promotion);
    const said = [...reasons, ...problems, ...detached].join('; ');
    // A session that was lost, to a server that restarts or by a KILL: the next attempt opens others, from the beginning.
    if (problems.length === 0 && isSessionLost(error))
      return new DatabaseError(error.node, error.failure, error.errno, said, error);
    if (problems.length === 0 && detached.length === 0)
      return new StepRefused([...reasons, `${primary} accepts writes as before`], promotion.evidence);
    return new StepFailed(said, { primary, problems }, { leftToDo: detached });
  } catch (failure) {
    return new StepFailed([...reasons, `${primary} could not be given back: ${String(failure)}`].join('; '), {
      primary,
    });
  }
}
