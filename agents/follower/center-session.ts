import type { RegisteredConsumer } from '../../domain/datasource.ts';

/** Where one datasource is published. */
export interface FollowedKey {
  readonly key: string;
  readonly group: string;
}

/**
 * A process's connection to one config center, shared by all its followers. It outlives restarts of the center:
 * it connects again for ever, hears what it missed, and registers again what it had registered.
 */
export interface CenterSession {
  /** Calls with the content as it is, and with each later one. Repeats are possible, skips of old ones, too. */
  follow(at: FollowedKey, listener: (content: string) => void): () => void;
  /** Keeps the entry in the center's registry while the session lives. */
  register(entry: RegisteredConsumer): Registration;
  close(): Promise<void>;
}

export interface Registration {
  /** Not at once: changes of several followers go together. */
  update(entry: RegisteredConsumer): void;
  remove(): Promise<void>;
}

/** Listeners of one key, and the content that was heard last for those who come later. */
export class KeyListeners {
  readonly #listeners = new Set<(content: string) => void>();
  #last: string | undefined;

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: (content: string) => void): void {
    this.#listeners.add(listener);
    if (this.#last !== undefined) listener(this.#last);
  }

  delete(listener: (content: string) => void): void {
    this.#listeners.delete(listener);
  }

  /** Tells everyone; silent when the content is what they know. */
  tell(content: string): void {
    if (content === this.#last) return;
    this.#last = content;
    for (const listener of this.#listeners) listener(content);
  }
}
