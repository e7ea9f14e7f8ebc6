import { interruptedFreeze, mayBeOpen, whyMayBeOpen } from '../../domain/promotion/interrupted.ts';
import { ownRow, staleReason } from '../../domain/promotion/observed-promotion.ts';
import { StepFailed, StepRefused, type Applied } from '../define-step.ts';
import { writeJournal } from './journal.ts';
import { at, sessionTo, type Promotion } from './promotion.ts';
import { restoreOldPrimary } from './restore.ts';

/** Gives the old primary back, as long as nobody has been opened; and stops late attempts of the same operation. */
export async function undoPromotion(promotion: Promotion): Promise<Applied & { readonly summary: string }> {
  const { input, observed, sessions, tools } = promotion;
  const { primary, database, toSite } = input.parameters;
  const { operation } = input;
  const stale = staleReason(observed.nodes, input);
  if (stale !== undefined) throw new StepRefused([stale]); // what a later operation froze is not ours to open
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
  const doubt = mayBeOpen(observed.nodes, primary);
  if (doubt !== undefined) throw new StepRefused([whyMayBeOpen(doubt)]);
  // Also what an operation that ended too early has left frozen: this one has claimed the domain after it.
  const interrupted = interruptedFreeze(observed.nodes);
  const leftFrozen = interrupted?.previous === primary ? interrupted : undefined;
  const intended = ownRow(observed.nodes, input, 'intended') ?? leftFrozen;
  if (intended === undefined) return { summary: `${database}: nothing had been changed by this operation` };
  const old = sessionTo(promotion, primary);
  const { problems, detached } = await restoreOldPrimary(promotion);
  if (problems.length > 0) throw new StepFailed(problems.join('; '), { primary, problems: [...problems] });
  // A late attempt of this operation, still on its way, finds this and stops.
  await at(promotion, 'write-undone', () =>
    writeJournal(old, sessions.cluster.journalSchema, {
      ...intended,
      phase: 'undone',
      epoch: operation.epoch,
      operation: operation.id,
      at: tools.now(),
    }),
  );
  const summary = `${database}: ${primary} accepts writes as before`;
  return { summary, evidence: promotion.evidence, leftToDo: detached };
}
