import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/**
 * For tests only: dies at named points of a step, as a crash would. Off unless SITESHIFT_STOP_AT is set, to a JSON list
 * such as [{"point": "fenceUnits:after-apply", "times": 1, "action": "SIGKILL", "marker": "FILE"}]. How often a point
 * was reached is kept in the marker file, so that the restarted worker does not die there again.
 */
const stopPoints = z.array(
  z.strictObject({
    point: z.string().min(1),
    times: z.int().min(1).default(1),
    action: z.enum(['SIGKILL', 'SIGSTOP', 'SIGTERM']).default('SIGKILL'),
    marker: z.string().min(1),
  }),
);

export type Reached = (point: string) => Promise<void>;

/** @throws Error when `stopAt` is not such a list */
export function createReached(stopAt: string | undefined): Reached {
  if (stopAt === undefined) return async () => {};
  const stops = parseStops(stopAt);
  return async (point) => {
    for (const stop of stops) {
      if (stop.point !== point) continue;
      const before = countIn(stop.marker);
      if (before >= stop.times) continue;
      writeFileSync(stop.marker, String(before + 1), { flush: true });
      process.kill(process.pid, stop.action);
      // A signal is delivered between two turns of the event loop: nothing after the point may run until then.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };
}

function parseStops(stopAt: string): z.infer<typeof stopPoints> {
  try {
    return stopPoints.parse(JSON.parse(stopAt));
  } catch (error) {
    throw new Error(
      `SITESHIFT_STOP_AT: expected a JSON list of {point, times, action, marker}; ${String(error)}`,
      {
        cause: error,
      },
    );
  }
}

const countIn = (marker: string): number =>
  existsSync(marker) ? Number(readFileSync(marker, 'utf8')) || 0 : 0;
