/** Lets a changing number of requests through at once. */
export interface InFlightGate {
  /** Resolves when it is one's turn; every `enter` needs one `leave`. */
  enter(): Promise<void>;
  /** `busy`: the server asked to come back later. */
  leave(answer: 'fine' | 'busy'): void;
  readonly width: () => number;
}

/** One halving for all the requests that were refused together. */
const HALVE_EVERY_MS = 500;

/**
 * Halves its width when the server says that it is busy, and widens by one for each full width of good answers: many
 * requests that come back at the same moment would only be refused together again.
 */
export function openGate(most: number, now: () => number = Date.now): InFlightGate {
  let width = most;
  let inside = 0;
  let halvedAt = -Infinity;
  const waiting: (() => void)[] = [];
  return {
    width: () => Math.floor(width),
    enter: async () => {
      if (inside < Math.floor(width)) inside += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve)); // its place is handed over by leave
    },
    leave: (answer) => {
      if (answer === 'fine') width = Math.min(most, width + 1 / width);
      else if (now() - halvedAt > HALVE_EVERY_MS) {
        width = Math.max(1, width / 2);
        halvedAt = now();
      }
      inside -= 1;
      while (waiting.length > 0 && inside < Math.floor(width)) {
        inside += 1;
        waiting.shift()?.();
      }
    },
  };
}
