import { candidatesOf } from '../../domain/promotion/candidates.ts';
import { elect, electWithLoss, type Survivor } from '../../domain/promotion/elect.ts';
import {
  describeLoss,
  durabilityOf,
  judgeFence,
  judgeLoss,
  lossObjection,
  type LossStatement,
} from '../../domain/promotion/guarantees.ts';
import { isReleased } from '../../domain/promotion/facts.ts';
import { holdsMore } from '../../domain/promotion/left-to-do.ts';
import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { StepRefused } from '../define-step.ts';
import { drain, type Chosen } from './drain.ts';
import type { FrozenPrimary } from './planned.ts';
import { at, found, sessionTo, type Promotion } from './promotion.ts';
import { captureAndRevoke, type Received } from './received.ts';

export interface Elected {
  readonly candidate: string;
  readonly position: string;
  readonly loss: LossStatement;
}

/** Elects by received position, brings the winner to it, and proves that the old primary is out. Opens nobody. */
export async function electSurvivor(
  promotion: Promotion,
  frozen: FrozenPrimary | undefined,
): Promise<Elected> {
  const received = await captureAndRevoke(promotion);
  let { obstacles } = received;
  for (;;) {
    const survivors = await judgeSurvivors(promotion, received, obstacles);
    const chosen = await at(promotion, 'elect', async () => choose(promotion, survivors));
    const trouble = await at(promotion, 'drain', () => drain(promotion, chosen, received));
    if (trouble === undefined) return prove(promotion, chosen, received, frozen);
    obstacles = new Map([...obstacles, [trouble.node, trouble.why]]);
    promotion.details.push(`${trouble.node} is out: ${trouble.why}`);
  }
}

async function judgeSurvivors(
  promotion: Promotion,
  received: Received,
  obstacles: ReadonlyMap<string, string>,
): Promise<readonly Survivor[]> {
  const { sessions, observed, input } = promotion;
  const candidates = candidatesOf(observed.nodes, input).map((node) => node.name);
  const survivors: Survivor[] = [];
  for (const [name, total] of received.totals) {
    const facts = nodeNamed(observed.nodes, name);
    const connection = sessionTo(promotion, name);
    const { missingCount } = await sessions.driver.receivedDifference(connection, total, received.union);
    survivors.push({
      name,
      eligible: candidates.includes(name),
      missing: missingCount,
      obstacle: obstacles.get(name) ?? '',
      detached: facts !== undefined && isReleased(facts),
    });
  }
  return survivors;
}

function choose(promotion: Promotion, survivors: readonly Survivor[]): Chosen {
  const election = elect(survivors);
  if (election.kind === 'elected') {
    found(promotion, 'election', election.because, 'received positions');
    const { name, catchUpFrom } = election;
    return { name, lacks: 0, ...(catchUpFrom === undefined ? {} : { catchUpFrom }) };
  }
  const best = promotion.input.overrides?.['acceptLoss'] === undefined ? undefined : electWithLoss(survivors);
  if (best === undefined)
    throw new StepRefused([...election.reasons, ...promotion.details], promotion.evidence);
  found(promotion, 'election with accepted loss (transactions)', best.lacks, best.name);
  return best;
}

async function prove(
  promotion: Promotion,
  chosen: Chosen,
  received: Received,
  frozen: FrozenPrimary | undefined,
): Promise<Elected> {
  const { sessions, input } = promotion;
  const { driver, cluster } = sessions;
  const { primary, acceptableLossTransactions } = input.parameters;
  const durability = durabilityOf(cluster, primary, promotion.observed.nodes);
  const { acceptUnfenced, acceptLoss } = input.overrides ?? {};
  const connection = sessionTo(promotion, chosen.name);
  return at(promotion, 'prove-fence', async () => {
    const position = await driver.position(connection);
    const behind =
      frozen === undefined ? undefined : await driver.difference(connection, position, frozen.position.last);
    const fence = judgeFence({
      primary,
      durability,
      frozen: frozen !== undefined,
      revocation: received.cut,
      ...(acceptUnfenced === undefined ? {} : { acceptUnfenced }),
    });
    const loss = judgeLoss({
      primary,
      durability,
      revocation: received.cut,
      behindSurvivors: chosen.lacks,
      ...(behind === undefined ? {} : { behindPrimary: behind.missingCount }),
    });
    found(
      promotion,
      'fence',
      fence.kind === 'unproven' ? fence.reasons : `${fence.kind}: ${fence.by}`,
      primary,
    );
    found(promotion, 'loss', describeLoss(loss), chosen.name);
    const objection = lossObjection(loss, acceptableLossTransactions, acceptLoss);
    const reasons = [
      ...(fence.kind === 'unproven' ? fence.reasons : []),
      ...(objection === undefined ? [] : [objection]),
    ];
    if (reasons.length > 0) throw new StepRefused(reasons, promotion.evidence);
    for (const [name, errant] of received.errant)
      if (name !== chosen.name) promotion.leftToDo.push(holdsMore(name, errant, chosen.name));
    return { candidate: chosen.name, position: position.last, loss };
  });
}

/** After a refusal the standbys receive again, lest an old primary that is alive after all hangs because of us. */
export async function receiveAgain(promotion: Promotion): Promise<void> {
  const { sessions, input } = promotion;
  const { driver } = sessions;
  for (const [name, connection] of sessions.reached) {
    if (name === input.parameters.primary) continue;
    const [channel] = (await driver.observe(connection)).channels;
    // With a stopped applier a start could destroy what MariaDB still has in its relay log.
    if (channel?.receiver === 'off' && channel.applier === 'on' && channel.usesGtid)
      await at(promotion, 'receive-again', () => driver.startReplication(connection));
  }
}
