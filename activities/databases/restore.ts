import { isReached, type NodeFacts } from '../../domain/promotion/facts.ts';
import { sourceOf } from '../../domain/promotion/find-primary.ts';
import { observeNodes } from './cluster-sessions.ts';
import type { DatabaseConnection } from './connection.ts';
import { at, pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';

/**
 * Takes a promotion back that has opened nobody: whoever was detached follows the old primary again, which then
 * accepts writes as before. Safe because the same session that unfreezes it holds its lock, so no other attempt can
 * be on its way to open somebody else.
 * @returns what could not be put back, empty when all is as it was
 */
export async function restoreOldPrimary(promotion: Promotion): Promise<readonly string[]> {
  const { sessions, input } = promotion;
  const { driver, cluster } = sessions;
  const { primary: name } = input.parameters;
  const old = sessionTo(promotion, name);
  const nodes = await observeNodes(sessions);
  const problems: string[] = [];
  const others = nodes.filter(isReached).filter((node) => node.name !== name);
  // Before anything else: nobody but the old primary may be on the way to being open.
  const open = others.find((node) => node.server.writable);
  if (open !== undefined) return [`${open.name} accepts writes, so ${name} stays frozen`];
  await at(promotion, 'close-standbys', async () => {
    for (const node of others) if (!node.server.frozen) await driver.close(sessionTo(promotion, node.name));
  });
  await Promise.all(
    others
      .filter((node) => !followsWell(node, nodes, promotion))
      .map((node) =>
        followAgain(promotion, node.name).catch((error: unknown) => {
          problems.push(`${node.name} must be made to follow ${name} again: ${String(error)}`);
        }),
      ),
  );
  await at(promotion, 'unfreeze', () => driver.unfreeze(old));
  if (cluster.durability === 'semisync') {
    const problem = await at(promotion, 'await-returning', () => awaitReturning(promotion, old));
    if (problem !== undefined) problems.push(`${problem}: writes hang until then`);
  }
  return problems;
}

const awaitReturning = (promotion: Promotion, old: DatabaseConnection): Promise<string | undefined> => {
  const { driver, cluster } = promotion.sessions;
  return pollUntil(
    promotion,
    { what: `${cluster.ackers} replica(s) can acknowledge to ${old.node}`, withinMs: 5_000, everyMs: 10 },
    async () => {
      const clients = await driver.semiSyncClients(old);
      return clients >= cluster.ackers ? undefined : `${clients} can`;
    },
  );
};

function followsWell(
  node: NodeFacts & { readonly reachable: true },
  nodes: readonly NodeFacts[],
  { input }: Promotion,
): boolean {
  const { primary, cluster } = input.parameters;
  return (
    sourceOf(node, nodes, cluster.nodes) === primary &&
    node.server.channels.every((channel) => channel.receiver !== 'off') &&
    !node.server.semiSync.sourceEnabled
  );
}

async function followAgain(promotion: Promotion, name: string): Promise<void> {
  const { driver } = promotion.sessions;
  const connection = sessionTo(promotion, name);
  const source = sourceAt(promotion, promotion.input.parameters.primary);
  // First: armed as a source, stopping the applier could wait for ever.
  await at(promotion, 'relieve-returning', () => driver.relieveSemiSync(connection));
  await at(promotion, 'stop-returning', () => driver.stopReplication(connection));
  await at(promotion, 'point-returning', () => driver.pointTo(connection, source));
  await at(promotion, 'start-returning', () => driver.startReplication(connection));
}
