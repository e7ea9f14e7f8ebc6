import { setTimeout as sleep } from 'node:timers/promises';
import type { Supervised } from '../../lab/process/supervise.ts';

export interface KeptAlive {
  /** How often one of them was found dead and started again. */
  deaths(): number;
  /** Kills one, and leaves it so. @returns has it started again */
  down(one: Supervised): Promise<() => Promise<void>>;
  /** From now on who dies stays dead. */
  stop(): Promise<void>;
}

/** What a service manager does in production: whoever is found dead is started again. */
export function keepAlive(processes: readonly Supervised[]): KeptAlive {
  const away = new Set<string>();
  const stopped = new AbortController();
  const starting = new Map<string, Promise<void>>();
  let deaths = 0;
  const keeping = (async () => {
    while (!stopped.signal.aborted) {
      for (const one of processes) {
        if (away.has(one.name) || one.alive() || starting.has(one.name)) continue;
        deaths += 1;
        // Killed again while it starts: the next round sees to it.
        const start = one.restart().catch(() => undefined);
        starting.set(
          one.name,
          start.finally(() => starting.delete(one.name)),
        );
      }
      await sleep(100);
    }
    await Promise.all(starting.values());
  })();
  return {
    deaths: () => deaths,
    down: async (one) => {
      away.add(one.name);
      await starting.get(one.name);
      one.kill();
      await one.gone();
      return async () => {
        away.delete(one.name);
        await one.restart();
      };
    },
    stop: async () => {
      stopped.abort();
      await keeping;
    },
  };
}
