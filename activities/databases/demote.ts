import { isReached } from '../../domain/promotion/facts.ts';
import { sourceOf } from '../../domain/promotion/find-primary.ts';
import { holdsMore, oldPrimaryOpen, oldPrimaryUnreached } from '../../domain/promotion/left-to-do.ts';
import { at, found, pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';

/**
 * Makes the old primary a standby of the new one. After the opening nothing may fail the step any more: what does not
 * work is left to do, and says so.
 */
export async function demoteOldPrimary(promotion: Promotion, promoted: string): Promise<void> {
  const { input, sessions, tools } = promotion;
  const { primary: name } = input.parameters;
  if (!sessions.reached.has(name)) {
    promotion.leftToDo.push(oldPrimaryUnreached(name, promoted));
    return;
  }
  const startedAt = tools.now();
  try {
    await demote(promotion, name, promoted);
    promotion.durationsMs['demote'] = tools.now() - startedAt;
  } catch (error) {
    if (tools.signal.aborted) throw error;
    promotion.leftToDo.push(`${name} must be made a standby of ${promoted}: ${String(error)}`);
  }
}

async function demote(promotion: Promotion, name: string, promoted: string): Promise<void> {
  const { sessions, input, observed } = promotion;
  const { driver } = sessions;
  const old = sessionTo(promotion, name);
  const current = sessionTo(promotion, promoted);
  const before = await driver.closedAt(old);
  if (!before.frozen) {
    promotion.leftToDo.push(oldPrimaryOpen(name));
    return;
  }
  const { missing } = await driver.difference(current, await driver.position(current), before.position.last);
  if (missing !== '') {
    found(promotion, `transactions that only ${name} holds`, missing, name);
    promotion.leftToDo.push(holdsMore(name, missing, promoted));
    return;
  }
  await at(promotion, 'relieve-semi-sync', () => driver.relieveSemiSync(old));
  const facts = observed.nodes.filter(isReached).find((node) => node.name === name);
  const follows =
    facts !== undefined && sourceOf(facts, observed.nodes, input.parameters.cluster.nodes) === promoted;
  await at(promotion, 'stop-demoted', () => driver.stopReplication(old));
  if (!follows) await at(promotion, 'demote', () => driver.demoteTo(old, sourceAt(promotion, promoted)));
  await at(promotion, 'start-demoted', () => driver.startReplication(old));
  await at(promotion, 'await-demoted', () => awaitDemoted(promotion, name, promoted));
}

async function awaitDemoted(promotion: Promotion, name: string, promoted: string): Promise<void> {
  const { driver } = promotion.sessions;
  const problem = await pollUntil(
    promotion,
    { what: `${name} replicates from ${promoted}`, withinMs: 10_000, everyMs: 20 },
    async () => {
      const [channel] = (await driver.observe(sessionTo(promotion, name))).channels;
      if (channel?.receiver === 'on' && channel.applier === 'on') return undefined;
      return `receiver ${channel?.receiver ?? 'none'}, applier ${channel?.applier ?? 'none'} ${channel?.receiverError ?? ''}${channel?.applierError ?? ''}`;
    },
  );
  if (problem !== undefined) promotion.leftToDo.push(problem);
}
