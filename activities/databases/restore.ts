import { isReached, type NodeFacts } from '../../domain/promotion/facts.ts';
import { sourceOf } from '../../domain/promotion/find-primary.ts';
import { mustFollowAgain } from '../../domain/promotion/left-to-do.ts';
import { observeNodes } from './cluster-sessions.ts';
import { isSessionLost, type DatabaseConnection } from './connection.ts';
import { lockNodes } from './lock-nodes.ts';
import { at, pollUntil, sessionTo, sourceAt, type Promotion } from './promotion.ts';

/** What could not be put back; all empty when everything is as it was. */
export interface Restored {
  readonly problems: readonly string[];
  /** Standbys that do not answer now, and may be detached: each with what is to be done with it. */
  readonly detached: readonly string[];
}

/**
 * Takes a promotion back that has opened nobody: whoever was detached follows the old primary again, which then
 * accepts writes as before. Safe because the same session that unfreezes it holds its lock, so no other attempt can
 * be on its way to open somebody else.
 */
export async function restoreOldPrimary(promotion: Promotion): Promise<Restored> {
  const { sessions, input } = promotion;
  const { driver, cluster } = sessions;
  const { primary: name } = input.parameters;
  const old = sessionTo(promotion, name);
  const nodes = await observeNodes(sessions);
  const problems: string[] = [];
  const others = nodes.filter(isReached).filter((node) => node.name !== name);
  // Before anything else: nobody but the old primary may be on the way to being open.
  const open = others.find((node) => node.server.writable);
  if (open !== undefined)
    return { problems: [`${open.name} accepts writes, so ${name} stays frozen`], detached: [] };
  const mustFollow = (node: string, error: unknown) =>
    mustFollowAgain(node, name, cluster, error instanceof Error ? error.message : String(error));
  // Who has answered under the lock and does so no more. Who never did was not touched by this attempt.
  const lost = new Set(
    nodes
      .filter((node) => !node.reachable && sessions.reached.has(node.name) && node.name !== name)
      .map((node) => node.name),
  );
  const unlessLost = async (node: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!isSessionLost(error)) throw error;
      lost.add(node);
    }
  };
  await at(promotion, 'close-standbys', async () => {
    for (const node of others)
      if (!node.server.frozen)
        await unlessLost(node.name, () => driver.close(sessionTo(promotion, node.name)));
  });
  await Promise.all(
    others
      .filter((node) => !followsWell(node, nodes, promotion))
      .map((node) =>
        unlessLost(node.name, () => followAgain(promotion, node.name)).catch((error: unknown) => {
          problems.push(mustFollow(node.name, error));
        }),
      ),
  );
  await at(promotion, 'unfreeze', () => driver.unfreeze(old));
  // Only now that the primary is open.
  const detached = await regain(promotion, lost, mustFollow);
  if (cluster.durability === 'semisync') {
    const problem = await at(promotion, 'await-returning', () => awaitReturning(promotion, old));
    if (problem !== undefined) problems.push(`${problem}: writes hang until then`);
  }
  return { problems, detached };
}

/** A session is had again at once where the server lives; users of a fenced unit do not wait for one that starts anew. */
const REGAIN_MS = 2_000;

/**
 * Their sessions were lost, in mid-statement perhaps: what was sent there last is ended first, then they are put back
 * over new sessions. @returns who could not be put back, in words
 */
async function regain(
  promotion: Promotion,
  lost: ReadonlySet<string>,
  mustFollow: (node: string, error: unknown) => string,
): Promise<readonly string[]> {
  const detached: string[] = [];
  await Promise.all(
    [...lost].map(async (node) => {
      let last: unknown;
      const problem = await pollUntil(
        promotion,
        { what: `${node} answers again`, withinMs: REGAIN_MS, everyMs: 200 },
        async () => {
          try {
            await putBack(promotion, node);
            return undefined;
          } catch (error) {
            last = error;
            return String(error);
          }
        },
      );
      if (problem !== undefined) detached.push(mustFollow(node, last));
    }),
  );
  return detached;
}

async function putBack(promotion: Promotion, node: string): Promise<void> {
  const { sessions, input, tools } = promotion;
  const connection = await sessions.renew(node);
  const claimant = { database: input.parameters.database, operation: input.operation.id };
  await lockNodes({ ...sessions, reached: new Map([[node, connection]]) }, claimant, tools);
  const { frozen } = await sessions.driver.closedAt(connection);
  if (!frozen) await sessions.driver.close(connection);
  await followAgain(promotion, node);
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
