import { setTimeout as sleep } from 'node:timers/promises';
import { checkDocument, object, parseJson } from '../../domain/datasource-messages.ts';
import type { Acknowledgement } from '../../domain/datasource.ts';
import { AcknowledgementOutbox } from './acknowledgement-outbox.ts';
import { BackOff } from './back-off.ts';
import { readLines } from './http-client.ts';
import type { FollowerLog } from './options.ts';
import { withDigest, type ReadDocument } from './read-document.ts';

/** The collector speaks every 5 s; three times that is a dead connection. */
const silenceMs = 15_000;
/** Followers that start together are announced together. */
const gatherMs = 20;

/** A follower of this process, as the collector knows it. */
export interface LinkedFollower {
  readonly datasource: string;
  readonly consumer: string;
  readonly site: string;
  /** What to say after every (re)connection: the collector may have forgotten all. */
  readonly acknowledgement: () => Acknowledgement | undefined;
  readonly document: (read: ReadDocument) => void;
}

/** A process's connection to one collector: documents come in over one stream, acknowledgements go out in batches. */
export class CollectorLink {
  readonly #url: string;
  readonly #headers: { readonly [name: string]: string };
  readonly #log: FollowerLog;
  readonly #outbox: AcknowledgementOutbox;
  readonly #followers = new Set<LinkedFollower>();
  readonly #closed = new AbortController();
  #stream = new AbortController();
  #isRunning = false;

  constructor(url: string, headers: { readonly [name: string]: string }, log: FollowerLog) {
    this.#url = `${url.replace(/\/$/, '')}/v1/stream`;
    this.#headers = headers;
    this.#log = log;
    this.#outbox = new AcknowledgementOutbox(url, headers, log);
  }

  /** Announces a follower. @returns how to take it back */
  add(follower: LinkedFollower): () => void {
    this.#followers.add(follower);
    this.#announce();
    return () => {
      this.#followers.delete(follower);
      this.#announce();
    };
  }

  acknowledge(acknowledgement: Acknowledgement): void {
    this.#outbox.push(acknowledgement);
  }

  close(): void {
    this.#closed.abort();
    this.#stream.abort();
    this.#outbox.close();
  }

  /** The stream that is open does not know of the change: it is closed, and the next one does. */
  #announce(): void {
    this.#stream.abort();
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#holdForEver();
  }

  async #holdForEver(): Promise<void> {
    const { signal } = this.#closed;
    const backOff = new BackOff(signal);
    while (!signal.aborted) {
      await sleep(gatherMs, undefined, { ref: false });
      this.#stream = new AbortController();
      const { signal: changed } = this.#stream;
      const followers = [...this.#followers];
      try {
        if (followers.length === 0) await once(changed);
        else await this.#hold(followers, changed, () => backOff.reset());
      } catch (error) {
        if (changed.aborted) continue;
        this.#log.debug({ error: String(error) }, 'stream of the collector ended; connecting again');
      }
      if (!changed.aborted) await backOff.wait();
    }
  }

  async #hold(followers: readonly LinkedFollower[], signal: AbortSignal, opened: () => void): Promise<void> {
    const names = followers.map(({ datasource, consumer, site }) => ({ datasource, consumer, site }));
    await readLines(
      {
        method: 'POST',
        url: this.#url,
        headers: { 'content-type': 'application/json', ...this.#headers },
        body: JSON.stringify({ followers: names }),
        signal,
        silenceMs,
        opened: () => {
          opened();
          for (const follower of followers) {
            const acknowledgement = follower.acknowledgement();
            if (acknowledgement !== undefined) this.#outbox.push(acknowledgement);
          }
        },
      },
      (line) => this.#hear(line, followers),
    );
  }

  #hear(line: string, followers: readonly LinkedFollower[]): void {
    try {
      const { document, to } = object(parseJson(line, 'line'), 'line');
      if (document === undefined) return;
      const read = withDigest(checkDocument(document));
      const meant = Array.isArray(to) ? new Set<unknown>(to) : undefined;
      for (const follower of followers) {
        if (follower.datasource !== read.document.datasource) continue;
        if (meant === undefined || meant.has(follower.consumer)) follower.document(read);
      }
    } catch (error) {
      this.#log.warn(
        { url: this.#url, error: String(error) },
        'what the collector sent is no document; ignored',
      );
    }
  }
}

const once = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
