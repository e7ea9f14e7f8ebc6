import { describe, expect, it } from 'vitest';
import type { ClusterSessions } from '../../activities/databases/cluster-sessions.ts';
import type { DatabaseDriver } from '../../activities/databases/driver.ts';
import { preSync } from '../../activities/databases/planned.ts';
import type { Promotion } from '../../activities/databases/promotion.ts';
import { stepTools } from './test-cluster.ts';

/** How long the candidate needs for what the primary has at that moment, round by round; the last one repeats. */
function scene(needsMs: readonly number[], style: 'graceful' | 'forced' = 'graceful') {
  let now = 0;
  let rounds = 0;
  const driver: Partial<DatabaseDriver> = {
    position: async () => ({ last: `round ${rounds}` }) as Awaited<ReturnType<DatabaseDriver['position']>>,
    waitFor: async (_standby, _last, timeoutMs) => {
      const needs = needsMs[Math.min(rounds, needsMs.length - 1)] ?? 0;
      rounds += 1;
      now += Math.min(needs, timeoutMs);
      return needs <= timeoutMs;
    },
    rotateBinlog: async () => undefined,
  };
  const reached = new Map(['east-1', 'west-1'].map((node) => [node, { node }]));
  const promotion = {
    input: { style, parameters: { primary: 'east-1' } },
    tools: stepTools({ now: () => now }),
    sessions: { driver, cluster: { catchUpTimeoutMs: 60_000 }, reached } as unknown as ClusterSessions,
    evidence: [] as { readonly value: unknown }[],
  };
  const sync = () => preSync(promotion as unknown as Promotion, 'west-1');
  return { sync, seen: () => ({ now, rounds, value: promotion.evidence[0]?.value }) };
}

describe('the candidate comes near before the freeze, while users wait behind the fence', () => {
  it.each([
    ['near already', [12], { now: 12, rounds: 1, value: 12 }],
    ['behind a fence: what is there is applied once', [6_000, 1], { now: 6_001, rounds: 2, value: 1 }],
    ['under load: no round that costs more than it saves', [400, 390], { now: 790, rounds: 2, value: 390 }],
    ['coming nearer under load', [4_000, 1_900, 800, 300, 280], { now: 7_280, rounds: 5, value: 280 }],
  ])('%s', async (_, needsMs, expected) => {
    const { sync, seen } = scene(needsMs);
    await sync();
    expect(seen()).toEqual(expected);
  });

  it.each([
    ['that never gets there', [60_000], 'more than 15000 ms'],
    ['that stays behind under load', [3_000], '3000 ms'],
  ])(
    'one %s is given up after fifteen seconds in all, and users are thought of',
    async (_, needsMs, needed) => {
      const { sync, seen } = scene(needsMs);
      await expect(sync()).rejects.toThrow(
        `west-1 does not keep up: it needed ${needed} to apply what east-1 had, expected at most 1000; ` +
          'nothing was frozen, but users whose units are fenced stay so: retry when it has caught up, or abort to open them where they were',
      );
      expect(seen().now).toBe(15_000);
    },
  );

  it('an emergency goes on after two seconds, whatever is left', async () => {
    const { sync, seen } = scene([60_000], 'forced');
    await sync();
    expect(seen()).toEqual({ now: 2_000, rounds: 1, value: 'not within 2000' });
  });
});
