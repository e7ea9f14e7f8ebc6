import { describe, expect, it } from 'vitest';
import type { ClusterSessions } from '../../activities/databases/cluster-sessions.ts';
import { DatabaseError, type DatabaseConnection } from '../../activities/databases/connection.ts';
import { lockNodes } from '../../activities/databases/lock-nodes.ts';
import type { StepTools } from '../../activities/tools.ts';

interface Held {
  /** The node on which session 7 has the lock. */
  readonly node: string;
  /** Who has the mark of our operation there. */
  readonly marked?: number;
  /** What KILL answers; the lock is free after it. Without, it is of no effect. */
  readonly kill?: () => void;
  readonly doing?: object;
}

const stopping = { Command: 'Query', State: 'waiting', Info: 'STOP  REPLICA' };

/** Sessions to these nodes; one of them locked by session 7. A look at the clock takes a second. */
function scene(nodes: readonly string[], held: Held) {
  const asked: string[] = [];
  const killed: string[] = [];
  let isFree = false;
  const lost = new Map<string, string>();
  const reached = new Map(
    nodes.map((node) => [
      node,
      {
        node,
        query: async (sql: string) => {
          if (sql.startsWith('KILL')) {
            killed.push(`${node}: ${sql}`);
            isFree = held.kill !== undefined;
            held.kill?.();
          }
          if (sql.startsWith('SHOW'))
            return [{ Id: 7, Host: '10.0.0.9:4711', Time: 31, ...(held.doing ?? stopping) }];
          if (!sql.includes('GET_LOCK')) return [];
          asked.push(node);
          return [
            node === held.node && !isFree
              ? { locked: 0, holder: 7, marked: held.marked ?? null }
              : { locked: 1, holder: 1, marked: 1 },
          ];
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
  const beats: string[] = [];
  const heartbeat = (text: string) => void beats.push(text);
  const tools = { now: () => (now += 1_000), heartbeat } as unknown as StepTools;
  return { sessions, tools, asked, killed, reached, lost, beats };
}

const claimant = { database: 'orders', operation: 'failover/shop/2' };

describe('the locks on the nodes of a cluster', () => {
  it('are taken in the same order by everybody', async () => {
    const { sessions, tools, asked } = scene(['west-2', 'east-1', 'west-1'], { node: '' });
    await lockNodes(sessions, claimant, tools);
    expect(asked).toEqual(['east-1', 'west-1', 'west-2']);
  });

  it('a node whose lock does not become free stops everything, and its holder is named', async () => {
    const { sessions, tools, killed } = scene(['east-1', 'west-1'], { node: 'east-1' });
    await expect(lockNodes(sessions, claimant, tools)).rejects.toThrow(
      "east-1: the lock siteshift/orders is held by session 7 of another operation (for 31 s: Query, waiting, STOP REPLICA): it ends with that operation's step; " +
        "if its worker's machine (10.0.0.9:4711) is lost, east-1 ends it after 120 s of silence; " +
        'once that worker is known to be dead, KILL CONNECTION 7 on east-1 ends it at once; waited 20 s for it, and it is tried again',
    );
    expect(killed).toEqual([]);
  });

  it('while it is waited for, a person reads when the session of a lost machine ends by itself', async () => {
    const doing = { Command: 'Sleep', State: '', Info: null };
    const { sessions, tools, beats } = scene(['east-1'], { node: 'east-1', doing });
    await expect(lockNodes(sessions, claimant, tools)).rejects.toThrow('tried again');
    expect(beats[0]).toMatch(
      /held by session 7 of another operation \(for 31 s: Sleep\): .* after 120 s of silence, in 89 s; .* KILL CONNECTION 7 on east-1/,
    );
  });

  it.each([
    ['that is still there', () => undefined],
    [
      'that has ended meanwhile',
      () => {
        throw new DatabaseError('east-1', 'statement', 1094, 'Unknown thread id: 7');
      },
    ],
  ])('a session of an earlier attempt %s gives way', async (_, kill) => {
    const { sessions, tools, killed } = scene(['east-1', 'west-1'], { node: 'east-1', marked: 7, kill });
    await lockNodes(sessions, claimant, tools);
    expect(killed).toEqual(['east-1: KILL CONNECTION 7']);
  });

  it('an earlier attempt that does not end although it was told to is named as such', async () => {
    const { sessions, tools } = scene(['east-1', 'west-1'], { node: 'east-1', marked: 7 });
    await expect(lockNodes(sessions, claimant, tools)).rejects.toThrow(
      'session 7 of an earlier attempt, which was told to end (for 31 s',
    );
  });

  it('an emergency goes on without the old primary, on which an earlier attempt hangs', async () => {
    const { sessions, tools, reached, lost } = scene(['east-1', 'west-1'], { node: 'east-1' });
    await lockNodes(sessions, claimant, tools, 'east-1');
    expect([...reached.keys()]).toEqual(['west-1']);
    expect(lost.get('east-1')).toContain('held by session 7');
  });

  it('but not without a standby: somebody may be at work', async () => {
    const { sessions, tools } = scene(['east-1', 'west-1'], { node: 'west-1' });
    await expect(lockNodes(sessions, claimant, tools, 'east-1')).rejects.toThrow('west-1: the lock');
  });
});
