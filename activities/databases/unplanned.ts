import { candidatesOf } from '../../domain/promotion/candidates.ts';
import { nodeNamed } from '../../domain/promotion/observed-promotion.ts';
import { elect, electWithLoss, type Survivor } from '../../domain/promotion/elect.ts';
import {
  describeLoss,
  judgeFence,
  judgeLoss,
  lossObjection,
  revocation,
  type LossStatement,
  type Revocation,
} from '../../domain/promotion/guarantees.ts';
import { isReached } from '../../domain/promotion/facts.ts';
import { StepRefused } from '../define-step.ts';
import { observeNodes } from './cluster-sessions.ts';
import type { FrozenPrimary } from './planned.ts';
import { at, found, noteOf, pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';

/** What the survivors hold, after nobody of them receives anything more from the old primary. */
interface Received {
  readonly totals: ReadonlyMap<string, string>;
  readonly broken: ReadonlyMap<string, string>;
  /** Everything that any survivor holds. */
  readonly union: string;
  readonly cut: Revocation;
}

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
  let broken = received.broken;
  for (;;) {
    const survivors = await judgeSurvivors(promotion, received, broken);
    const chosen = await at(promotion, 'elect', async () => choose(promotion, survivors));
    const trouble = await at(promotion, 'drain', () => drain(promotion, chosen, received));
    if (trouble === undefined) return prove(promotion, chosen, received, frozen);
    broken = new Map([...broken, [trouble.node, trouble.why]]);
    promotion.details.push(`${trouble.node} is out: ${trouble.why}`);
  }
}

/**
 * The order is the point: first read what was received (and persist it where the engine could forget), then set
 * stopped appliers to work, and only then stop the receivers.
 */
async function captureAndRevoke(promotion: Promotion): Promise<Received> {
  const { sessions, input } = promotion;
  const { driver, cluster } = sessions;
  const { primary } = input.parameters;
  const note = noteOf(promotion);
  const names = [...sessions.reached.keys()].filter((name) => name !== primary);
  const each = <Result>(work: (name: string) => Promise<Result>) => Promise.all(names.map(work));
  await at(promotion, 'capture', () =>
    each((name) => driver.captureReceived(sessionTo(promotion, name), note)),
  );
  const broken = new Map<string, string>();
  await at(promotion, 'revoke', () =>
    each(async (name) => {
      const connection = sessionTo(promotion, name);
      if (!(await driver.resumeApplier(connection, note)))
        broken.set(name, 'its applier stopped by an error');
      await driver.revoke(connection);
    }),
  );
  const after = await each((name) => driver.captureReceived(sessionTo(promotion, name), note));
  const totals = new Map(names.map((name, index) => [name, after[index]?.total ?? '']));
  names.forEach((name, index) => {
    const { applierErrno = 0, applierError = '' } = after[index] ?? {};
    if (applierErrno !== 0) broken.set(name, `its applier stopped by error ${applierErrno}: ${applierError}`);
  });
  const [anybody] = names;
  if (anybody === undefined) throw new StepRefused(['no standby can be reached']);
  const union = await driver.union(sessionTo(promotion, anybody), [...totals.values()]);
  const cut = revocation(cluster, primary, await observeNodes(sessions));
  for (const [name, total] of totals) found(promotion, 'received position', total, name);
  found(promotion, 'acknowledgers cut off from the old primary', { ...cut }, 'standbys');
  return { totals, broken, union, cut };
}

async function judgeSurvivors(
  promotion: Promotion,
  received: Received,
  broken: ReadonlyMap<string, string>,
): Promise<readonly Survivor[]> {
  const { sessions, observed, input } = promotion;
  const { driver } = sessions;
  const candidates = candidatesOf(observed.nodes, input).map((node) => node.name);
  const survivors: Survivor[] = [];
  for (const [name, total] of received.totals) {
    const connection = sessionTo(promotion, name);
    const { missingCount } = await driver.receivedDifference(connection, total, received.union);
    const detached = nodeNamed(observed.nodes, name)?.server.channels.length === 0;
    const errant = detached ? '' : await errantOf(promotion, name);
    if (errant !== '') promotion.details.push(`${name} holds ${errant}, which no other survivor knows of`);
    const accepted = input.overrides?.['acceptErrant'] !== undefined;
    survivors.push({
      name,
      eligible: candidates.includes(name) && (errant === '' || accepted),
      missing: missingCount,
      broken: broken.has(name),
      detached,
    });
  }
  return survivors;
}

/** Own writes of a standby, by comparison with all the others; with nobody to compare to, none can be seen. */
async function errantOf(promotion: Promotion, name: string): Promise<string> {
  const { sessions, observed, input } = promotion;
  const { driver } = sessions;
  const connection = sessionTo(promotion, name);
  const others = observed.nodes
    .filter(isReached)
    .filter((node) => node.name !== name && node.name !== input.parameters.primary);
  if (others.length === 0) return '';
  const lists = others.flatMap((node) => [
    node.server.executed.last,
    ...node.server.channels.map((channel) => channel.received),
  ]);
  const known = {
    last: await driver.union(connection, lists),
    state: others
      .map((node) => node.server.executed.state)
      .filter(Boolean)
      .join(','),
  };
  const identity = nodeNamed(observed.nodes, name)?.server.identity ?? '';
  return driver.ownErrant(connection, await driver.position(connection), known, identity);
}

interface Chosen {
  readonly name: string;
  readonly catchUpFrom?: string;
  /** Received transactions that are given up with the operator's consent. */
  readonly lacks: number;
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

/** @returns the node whose applier broke or did not finish, undefined when the winner holds all that it shall */
async function drain(
  promotion: Promotion,
  chosen: Chosen,
  received: Received,
): Promise<{ readonly node: string; readonly why: string } | undefined> {
  const { sessions } = promotion;
  const { driver } = sessions;
  const startedAt = promotion.tools.now();
  const holder = chosen.catchUpFrom ?? chosen.name;
  const why = await applyAll(promotion, holder, received.totals.get(holder) ?? '');
  promotion.durationsMs['drain'] = promotion.tools.now() - startedAt;
  if (why !== undefined) return { node: holder, why };
  if (chosen.catchUpFrom === undefined) return undefined;
  const follower = sessionTo(promotion, chosen.name);
  await driver.stopReplication(follower);
  await driver.pointTo(follower, await sourceAt(promotion, holder));
  await driver.startReplication(follower);
  const late = await applyAll(promotion, chosen.name, received.union);
  return late === undefined ? undefined : { node: chosen.name, why: late };
}

/** Waits until a node has applied `target`, then proves it; a broken applier gets no time. */
async function applyAll(promotion: Promotion, name: string, target: string): Promise<string | undefined> {
  const { driver, cluster } = promotion.sessions;
  const connection = sessionTo(promotion, name);
  if (target === '') return undefined;
  let broken: string | undefined;
  const late = await pollUntil(
    promotion,
    {
      what: `${name} has applied what it received (${target})`,
      withinMs: cluster.catchUpTimeoutMs,
      everyMs: 5,
    },
    async () => {
      if (await driver.waitFor(connection, target, 1_000)) return undefined;
      const [channel] = (await driver.observe(connection)).channels;
      if (channel !== undefined && channel.applierErrno !== 0) {
        broken = `its applier stopped by error ${channel.applierErrno}: ${channel.applierError}`;
        return undefined;
      }
      return `applier ${channel?.applier ?? 'detached'}, still behind`;
    },
  );
  if (broken !== undefined || late !== undefined) return broken ?? late;
  const { missing } = await driver.difference(connection, await driver.position(connection), target);
  return missing === ''
    ? undefined
    : `it claims to have applied ${target} and lacks ${missing}: it has diverged`;
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
  const { acceptUnfenced, acceptLoss } = input.overrides ?? {};
  const connection = sessionTo(promotion, chosen.name);
  return at(promotion, 'prove-fence', async () => {
    const position = await driver.position(connection);
    const behind =
      frozen === undefined ? undefined : await driver.difference(connection, position, frozen.position.last);
    const fence = judgeFence({
      primary,
      durability: cluster.durability,
      frozen: frozen !== undefined,
      revocation: received.cut,
      ...(acceptUnfenced === undefined ? {} : { acceptUnfenced }),
    });
    const loss = judgeLoss({
      primary,
      durability: cluster.durability,
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
      await driver.startReplication(connection);
  }
}
