import { setTimeout as sleep } from 'node:timers/promises';

/** Waits longer after every failure in a row, with jitter: a thousand followers must not come back in step. */
export class BackOff {
  readonly #signal: AbortSignal;
  readonly #firstMs: number;
  readonly #longestMs: number;
  #nextMs: number;

  constructor(signal: AbortSignal, firstMs = 100, longestMs = 2_000) {
    this.#signal = signal;
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#nextMs = firstMs;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }

  /** Returns early, without an error, when the signal fires: the caller's loop looks at it anyway. */
  async wait(): Promise<void> {
    const ms = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#longestMs);
    await sleep(ms, undefined, { signal: this.#signal, ref: false }).catch(() => undefined);
  }
}
