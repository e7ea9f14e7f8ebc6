import type { Socket } from 'node:net';

export interface Pump {
  /** From now on nothing passes, what is on its way included. */
  hold(): void;
  release(): void;
}

/** Beyond this much data on its way the source is not read: a delayed path must not fill the memory. */
const MOST_IN_FLIGHT = 4 * 1024 * 1024;

interface Parcel {
  readonly chunk: Buffer | 'end';
  readonly dueAt: number;
}

/** Carries one direction of a connection, each piece delayed, order kept, the end of the stream included. */
export function pump(options: {
  readonly from: Socket;
  readonly to: Socket;
  readonly delayMs: () => number;
}): Pump {
  const { from, to, delayMs } = options;
  const parcels: Parcel[] = [];
  let inFlight = 0;
  let isHeld = false;
  let timer: NodeJS.Timeout | undefined;

  const accept = (chunk: Parcel['chunk']) => {
    // Never due before the one ahead: a delay that shrinks must not reorder the stream.
    const dueAt = Math.max(performance.now() + delayMs(), parcels.at(-1)?.dueAt ?? 0);
    parcels.push({ chunk, dueAt });
    if (chunk !== 'end') inFlight += chunk.length;
    if (inFlight > MOST_IN_FLIGHT) from.pause();
    deliver();
  };

  const deliver = () => {
    clearTimeout(timer);
    if (isHeld) return;
    for (let next = parcels[0]; next !== undefined; next = parcels[0]) {
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0.5) {
        timer = setTimeout(deliver, waitMs);
        return;
      }
      if (to.writableNeedDrain) return; // goes on at 'drain'
      parcels.shift();
      if (next.chunk === 'end') to.end();
      else send(next.chunk);
    }
  };

  const send = (chunk: Buffer) => {
    inFlight -= chunk.length;
    to.write(chunk);
    if (!isHeld && from.isPaused() && inFlight < MOST_IN_FLIGHT / 2) from.resume();
  };

  from.on('data', accept);
  from.once('end', () => accept('end'));
  to.on('drain', deliver);
  to.once('close', () => {
    clearTimeout(timer);
    parcels.length = 0;
  });
  from.resume(); // accepted sockets arrive paused

  return {
    hold: () => {
      isHeld = true;
      from.pause();
    },
    release: () => {
      isHeld = false;
      from.resume();
      deliver();
    },
  };
}
