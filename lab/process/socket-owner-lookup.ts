import { Worker } from 'node:worker_threads';
import type { OwnerQuestion } from './socket-owner-thread.ts';
import type { Owner } from './socket-owners.ts';

/** Asks who made a connection, beside everything else; questions that come while one is answered wait and go together. */
export class SocketOwnerLookup {
  #thread: Worker | undefined;
  #waiting = new Map<number, ((owner: string | undefined) => void)[]>();
  #asked: ReadonlyMap<number, readonly ((owner: string | undefined) => void)[]> | undefined;
  readonly #owners: () => readonly Owner[];

  constructor(owners: () => readonly Owner[]) {
    this.#owners = owners;
  }

  /** @returns the owner's name; undefined for nobody of them, and when this was closed meanwhile */
  ownerOf(clientPort: number): Promise<string | undefined> {
    const answer = new Promise<string | undefined>((resolve) => {
      this.#waiting.set(clientPort, [...(this.#waiting.get(clientPort) ?? []), resolve]);
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
    const question: OwnerQuestion = { ports: [...this.#asked.keys()], owners: this.#owners() };
    this.#thread ??= this.#start();
    this.#thread.postMessage(question);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./socket-owner-thread.ts', import.meta.url));
    thread.on('message', (owners: ReadonlyMap<number, string>) => {
      this.#answer(owners);
      this.#ask();
    });
    thread.unref();
    return thread;
  }

  #answer(owners: ReadonlyMap<number, string>): void {
    const asked = this.#asked ?? new Map<number, []>();
    this.#asked = undefined;
    for (const [port, resolves] of asked) for (const resolve of resolves) resolve(owners.get(port));
  }
}
