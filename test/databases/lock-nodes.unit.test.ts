import { describe, expect, it } from 'vitest';
import { lockNodes, type ClusterSessions } from '../../activities/databases/cluster-sessions.ts';
import type { DatabaseConnection } from '../../activities/databases/connection.ts';
import type { StepTools } from '../../activities/tools.ts';

/** Sessions to these nodes; `held` by somebody else's session 7, for ever. A look at the clock takes a second. */
function scene(nodes: readonly string[], held: string) {
  const asked: string[] = [];
  const lost = new Map<string, string>();
  const reached = new Map(
    nodes.map((node) => [
      node,
      {
        node,
        query: async (sql: string) => {
          if (!sql.includes('GET_LOCK')) return [];
          asked.push(node);
          return [node === held ? { locked: 0, holder: 7 } : { locked: 1, holder: 1 }];
        },
      } as unknown as DatabaseConnection,
    ]),
  );
  const forsake = (node: string, because: string) => {
    reached.delete(node);
    lost.set(node, because);
  };
  const sessions = {
    cluster: { catchUpTimeoutMs: 60_000 },
    reached,
    lost,
    forsake,
  } as unknown as ClusterSessions;
  let now = 0;
  const tools = { now: () => (now += 1_000), heartbeat: () => undefined } as unknown as StepTools;
  return { sessions, tools, asked, reached, lost };
}

describe('the locks on the nodes of a cluster', () => {
  it('are taken in the same order by everybody', async () => {
    const { sessions, tools, asked } = scene(['west-2', 'east-1', 'west-1'], '');
    await lockNodes(sessions, 'orders', tools);
    expect(asked).toEqual(['east-1', 'west-1', 'west-2']);
  });

  it('a node whose lock does not become free stops everything, and its holder is named', async () => {
    const { sessions, tools } = scene(['east-1', 'west-1'], 'east-1');
    await expect(lockNodes(sessions, 'orders', tools)).rejects.toThrow(
      'east-1: the lock siteshift/orders is held by session 7 of another attempt or orchestrator, for more than 20 s',
    );
  });

  it('an emergency goes on without the old primary, on which an earlier attempt hangs', async () => {
    const { sessions, tools, reached, lost } = scene(['east-1', 'west-1'], 'east-1');
    await lockNodes(sessions, 'orders', tools, 'east-1');
    expect([...reached.keys()]).toEqual(['west-1']);
    expect(lost.get('east-1')).toContain('held by session 7');
  });

  it('but not without a standby: somebody may be at work', async () => {
    const { sessions, tools } = scene(['east-1', 'west-1'], 'west-1');
    await expect(lockNodes(sessions, 'orders', tools, 'east-1')).rejects.toThrow('west-1: the lock');
  });
});
