import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  };
}

/** Stopped by a signal, as the kernel says: state T. */
const standsStill = (pid: number): boolean =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.startsWith('T') === true;
