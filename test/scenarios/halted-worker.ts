import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Supervised } from '../../lab/process/supervise.ts';
import type { ProductEnvironment } from '../../lab/sites/start-worker.ts';
import { until } from './until.ts';

/** A worker that is to stand still at a point: what is broken meanwhile is broken in the middle of that step, surely. */
export interface Halt {
  /** Waits until the worker stands there. Nothing of any run can go on from then on. */
  reached(): Promise<void>;
  goOn(): void;
}

/** Stop points by SIGSTOP. Each passes as if it were not there until it is armed, so that no other worker is needed. */
export interface HaltPoints {
  readonly environment: ProductEnvironment;
  arm(point: string, worker: Supervised): Halt;
  /** Arms all of the points: at each the worker stands still, in whatever order it gets there, while something is done. */
  atEach(worker: Supervised, act: (point: string) => Promise<void>): Acting;
}

/** What is done at halts. */
export interface Acting {
  /** @returns the points the worker stood at, in order @throws what `act` threw */
  stop(): Promise<readonly string[]>;
}

export function haltPoints(folder: string, points: readonly string[]): HaltPoints {
  const stops = points.map((point, index) => ({
    point,
    marker: join(folder, `halt.${index}.marker`),
    action: 'SIGSTOP',
  }));
  for (const { marker } of stops) writeFileSync(marker, '1'); // it has been there once, as often as it stops there
  return {
    environment: stops.length === 0 ? {} : { SITESHIFT_STOP_AT: JSON.stringify(stops) },
    arm: (point, worker) => {
      const stop = stops.find((one) => one.point === point);
      if (stop === undefined) throw new Error(`the worker of this lab was not started to halt at ${point}`);
      rmSync(stop.marker);
      return {
        reached: () =>
          until(`the worker stands at ${point}`, 60_000, () => Promise.resolve(standsStill(worker.pid))),
        goOn: () => worker.resume(),
      };
    },
    atEach: (worker, act) => {
      for (const { marker } of stops) rmSync(marker);
      return actAtEach(stops, worker, act);
    },
  };
}

function actAtEach(
  stops: readonly { readonly point: string; readonly marker: string }[],
  worker: Supervised,
  act: (point: string) => Promise<void>,
): Acting {
  const acted: string[] = [];
  const stopped = new AbortController();
  const acting = (async () => {
    while (!stopped.signal.aborted) {
      if (standsStill(worker.pid)) {
        for (const { point, marker } of stops) {
          if (acted.includes(point) || !existsSync(marker)) continue;
          acted.push(point);
          await act(point);
        }
        worker.resume();
      }
      await sleep(20);
    }
  })();
  acting.catch(() => worker.resume()); // told by `stop`; until then the run must not hang
  return {
    stop: async () => {
      stopped.abort();
      await acting;
      return acted;
    },
  };
}

/** Stopped by a signal, as the kernel says: state T. */
const standsStill = (pid: number): boolean =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.startsWith('T') === true;
