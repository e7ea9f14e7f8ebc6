import { setTimeout as sleep } from 'node:timers/promises';
import type { Supervised } from '../../lab/process/supervise.ts';

export interface Keeper {
  /** Kills one, and leaves it so. @returns has it started again */
  down(one: Supervised): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** Starts again whatever dies, as a service manager would. */
export function keepAlive(processes: () => readonly Supervised[]): Keeper {
  const away = new Set<string>();
  const stopped = new AbortController();
  const starting = new Map<string, Promise<void>>();
  const keeping = (async () => {
    while (!stopped.signal.aborted) {
      for (const one of processes()) {
        if (away.has(one.name) || one.alive() || starting.has(one.name)) continue;
        // Killed again while it starts: the next round sees to it.
        const start = one.restart().catch(() => undefined);
        starting.set(
          one.name,
          start.finally(() => starting.delete(one.name)),
        );
      }
      await sleep(200);
    }
    await Promise.all(starting.values());
  })();
  return {
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
