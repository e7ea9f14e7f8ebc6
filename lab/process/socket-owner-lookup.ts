import { Worker } from 'node:worker_threads';
import type { OwnerQuestion } from './socket-owner-thread.ts';
import type { Ends, Owner } from './socket-owners.ts';

/** Asks who made a connection, beside everything else; questions that come while one is answered wait and go together. */
export class SocketOwnerLookup {
  #thread: Worker | undefined;
  #waiting = new Map<Ends, ((owner: string | undefined) => void)[]>();
  #asked: ReadonlyMap<Ends, readonly ((owner: string | undefined) => void)[]> | undefined;
  readonly #owners: () => readonly Owner[];

  constructor(owners: () => readonly Owner[]) {
    this.#owners = owners;
  }

  /** @returns the owner's name; undefined for nobody of them, and when this was closed meanwhile */
  ownerOf(connection: Ends): Promise<string | undefined> {
    const answer = new Promise<string | undefined>((resolve) => {
      this.#waiting.set(connection, [...(this.#waiting.get(connection) ?? []), resolve]);
    });
    this.#ask();
    return answer;
  }

  async close(): Promise<void> {
    this.#answer(new Map());
    for (const resolves of this.#waiting.values()) for (const resolve of resolves) resolve(undefined);
    this.#waiting.clear();
    await this.#thread?.terminate();
  }

  #ask(): void {
    if (this.#asked !== undefined || this.#waiting.size === 0) return;
    this.#asked = this.#waiting;
    this.#waiting = new Map();
    const question: OwnerQuestion = { connections: [...this.#asked.keys()], owners: this.#owners() };
    this.#thread ??= this.#start();
    this.#thread.postMessage(question);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./socket-owner-thread.ts', import.meta.url));
    thread.on('message', (owners: ReadonlyMap<Ends, string>) => {
      this.#answer(owners);
      this.#ask();
    });
    thread.unref();
    return thread;
  }

  #answer(owners: ReadonlyMap<Ends, string>): void {
    const asked = this.#asked ?? new Map<Ends, []>();
    this.#asked = undefined;
    for (const [connection, resolves] of asked)
      for (const resolve of resolves) resolve(owners.get(connection));
  }
}
