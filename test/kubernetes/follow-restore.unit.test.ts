import { expect, it } from 'vitest';
import { followRestore } from '../../activities/kubernetes/follow-restore.ts';
import type { RestoreRecord, Velero } from '../../activities/kubernetes/velero.ts';
import { stepTools } from './step-tools.ts';

/** One look at a Restore after the other. */
function looksAt(...looks: readonly (readonly [phase: string, items: number, total: number])[]): Velero {
  const records = looks.map(([phase, items, total]): RestoreRecord => ({
    name: 'r-1',
    phase,
    items,
    total,
    backup: 'daily-1',
    labels: {},
    errors: 0,
    warnings: 0,
    reason: '',
  }));
  return { restore: async () => records.shift(), restores: async () => [] } as unknown as Velero;
}

it('tells at each look how far Velero is, until it has ended', async () => {
  const tools = { ...stepTools(), sleep: async () => undefined };
  const velero = looksAt(['', 0, 0], ['InProgress', 3, 10], ['InProgress', 7, 10], ['Completed', 10, 10]);
  const options = { cluster: 'west', style: 'graceful', missing: [], stuckMs: 60_000, tools } as const;
  const ended = await followRestore(velero, 'r-1', { ...options, deadline: tools.now() + 60_000 });
  expect(ended.phase).toBe('Completed');
  const progress = (phase: string, items: number, of: number) => ({
    restore: 'r-1',
    phase,
    items,
    of,
    isStuck: false,
  });
  expect(tools.heartbeats).toEqual([
    progress('', 0, 0),
    progress('InProgress', 3, 10),
    progress('InProgress', 7, 10),
  ]);
});
