import { isReached, type NodeFacts } from '../../domain/promotion/facts.ts';
import { sourceOf } from '../../domain/promotion/find-primary.ts';
import { pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';
import { observeNodes } from './cluster-sessions.ts';

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
  for (const node of others) {
    // Before anything else: nobody but the old primary may be on the way to being open.
    if (node.server.writable) return [`${node.name} accepts writes, so ${name} stays frozen`];
    if (!node.server.frozen) await driver.close(sessionTo(promotion, node.name));
  }
  await Promise.all(
    others
      .filter((node) => !followsWell(node, nodes, promotion))
      .map((node) =>
        followAgain(promotion, node.name).catch((error: unknown) => {
          problems.push(`${node.name} must be made to follow ${name} again: ${String(error)}`);
        }),
      ),
  );
  await driver.unfreeze(old);
  if (cluster.durability === 'semisync') {
    const problem = await pollUntil(
      promotion,
      { what: `${cluster.ackers} replica(s) can acknowledge to ${name}`, withinMs: 5_000, everyMs: 10 },
      async () => {
        const clients = await driver.semiSyncClients(old);
        return clients >= cluster.ackers ? undefined : `${clients} can`;
      },
    );
    if (problem !== undefined) problems.push(`${problem}: writes hang until then`);
  }
  return problems;
}

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
  await driver.relieveSemiSync(connection); // armed as a source, stopping the applier could wait for ever
  await driver.stopReplication(connection);
  await driver.pointTo(connection, sourceAt(promotion, promotion.input.parameters.primary));
  await driver.startReplication(connection);
}
