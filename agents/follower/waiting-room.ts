/**
 * Holds callers back while the datasource is being switched. Bounded both ways: in number, because a thousand
 * waiting requests help nobody, and in time, because the caller has a deadline of its own.
 */
export class WaitingRoom<Value> {
  readonly #limits: { readonly queue: number; readonly queueMs: number };
  readonly #waiting = new Set<{
    readonly admit: (value: Value) => void;
    readonly fail: (error: Error) => void;
  }>();
  #value: Value | undefined;
  #why: string;
  #isClosed = false;

  constructor(limits: { readonly queue: number; readonly queueMs: number }, why: string) {
    this.#limits = limits;
    this.#why = why;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  open(value: Value): void {
    this.#value = value;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { admit } of waiting) admit(value);
  }

  /** From now on callers wait; `why` is told to those who wait too long. */
  shut(why: string): void {
    this.#value = undefined;
    this.#why = why;
  }

  /** Ends the waiting of everyone; later callers fail at once. */
  close(why: string): void {
    this.shut(why);
    this.#isClosed = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { fail } of waiting) fail(new Error(why));
  }

  pass(): Promise<Value> {
    if (this.#value !== undefined) return Promise.resolve(this.#value);
    if (this.#isClosed) return Promise.reject(new Error(this.#why));
    const { queue, queueMs } = this.#limits;
    if (this.#waiting.size >= queue) {
      return Promise.reject(new Error(`${this.#why}; ${queue} callers wait already, which is the limit`));
    }
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        clearTimeout(timer);
        this.#waiting.delete(caller);
        reject(error);
      };
      const caller = {
        admit: (value: Value) => {
          clearTimeout(timer);
          resolve(value);
        },
        fail,
      };
      const timer = setTimeout(() => fail(new Error(`${this.#why}; waited ${queueMs} ms`)), queueMs);
      this.#waiting.add(caller);
    });
  }
}
