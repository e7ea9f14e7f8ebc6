import type { KillLab, VictimName } from './kill-lab.ts';

/**
 * Kills somebody once at each of the points, and looks at the cluster just before.
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
  return {
    killed,
    reached: async (point: string) => {
      if (!left.has(point) || !(await isDue(point))) return;
      left.delete(point);
      killed.push(point);
      await look();
      const victim = lab.victim(name);
      victim.kill();
      await victim.gone();
    },
  };
}
