import { expect } from 'vitest';
import type { KillLab, VictimName } from './kill-lab.ts';
import { patiently } from './watch-restores.ts';

/**
 * Kills somebody once at each of the points, and looks at the cluster just before. Branches that run side by side may
 * reach two points at once: whoever has just died is killed again when it is back.
 * @param isDue whether a point that is reached counts already
 */
export function killAt(
  lab: KillLab,
  name: VictimName,
  points: readonly string[],
  look: () => Promise<unknown> = async () => undefined,
  isDue: (point: string) => Promise<boolean> = async () => true,
) {
  const left = new Set(points);
  const killed: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  async function kill(point: string): Promise<void> {
    const victim = lab.victim(name);
    await expect.poll(() => victim.alive(), { timeout: 60_000 }).toBe(true);
    await patiently(look); // it may just have come back, and the lab's connections with it
    victim.kill();
    await victim.gone();
    killed.push(point);
  }
  return {
    killed,
    reached: async (point: string) => {
      if (!left.has(point) || !(await isDue(point)) || !left.delete(point)) return;
      const before = last;
      const killing = before.then(() => kill(point));
      last = killing.catch(() => undefined);
      await killing;
    },
  };
}
