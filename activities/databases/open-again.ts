import { decidePromotion } from '../../domain/promotion/decide-promotion.ts';
import { interruptedFreeze } from '../../domain/promotion/interrupted.ts';
import { ownRow, type ObservedPromotion } from '../../domain/promotion/observed-promotion.ts';
import { StepFailed } from '../define-step.ts';
import { pollUntil, type Promotion } from './promotion.ts';
import { restoreOldPrimary } from './restore.ts';

/** The primary is frozen by an operation that ended in mid-promotion and that nobody runs any more. */
export function isFrozenByOther({ observed, input }: Promotion): boolean {
  const row = interruptedFreeze(observed.nodes);
  return (
    row?.previous === input.parameters.primary && ownRow(observed.nodes, input, 'intended') === undefined
  );
}

/**
 * Takes back what that operation did, so that this one begins where every promotion begins, with its own intention on
 * record. Users wait for one opening and freezing more; in return no proof of the other operation is relied upon.
 */
export async function openAgain(
  promotion: Promotion,
  look: () => Promise<ObservedPromotion>,
): Promise<Promotion> {
  const { primary } = promotion.input.parameters;
  const row = interruptedFreeze(promotion.observed.nodes);
  const { problems, detached } = await restoreOldPrimary(promotion);
  if (problems.length > 0) throw new StepFailed(problems.join('; '), { primary, problems: [...problems] });
  promotion.details.push(
    ...detached,
    `opened ${primary} again, which operation ${row?.operation ?? '?'} had frozen at epoch ${row?.epoch ?? 0} and left`,
  );
  let observed = await look();
  await pollUntil(
    promotion,
    { what: 'the standbys receive again', withinMs: 10_000, everyMs: 50 },
    async () => {
      observed = await look();
      const decision = decidePromotion(observed, promotion.input);
      return decision.kind === 'apply' ? undefined : JSON.stringify(decision);
    },
  );
  return { ...promotion, observed }; // whatever still speaks against it, the decision says in words
}
