import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

/** Watches how many Restores of a run Velero has to work on at once. @returns ends it, and tells the most */
export function watchRestores(phasesNow: () => Promise<readonly string[]>) {
  let most = 0;
  let looks = 0;
  const stopped = new AbortController();
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      const phases = await phasesNow().catch(() => undefined);
      if (phases !== undefined) {
        looks += 1;
        most = Math.max(most, phases.filter((phase) => !/^(Completed|.*Failed)$/.test(phase)).length);
      }
      await sleep(100);
    }
  })();
  return async () => {
    stopped.abort();
    await watching;
    expect(looks).toBeGreaterThan(5);
    return most;
  };
}

/** Asks again until somebody answers: the server may just have been killed. */
export async function patiently<Value>(ask: () => Promise<Value>): Promise<Value> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(250);
    }
  }
}
