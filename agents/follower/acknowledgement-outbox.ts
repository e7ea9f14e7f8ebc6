import type { Acknowledgement } from '../../domain/datasource.ts';
import { BackOff } from './back-off.ts';
import { callHttp, keepConnections, type HttpConnections } from './http-client.ts';
import type { FollowerLog } from './options.ts';

const perMessage = 1_000;
/** Those that come in the same moment go together: as long as more keep coming, and no longer than this. */
const [quietMs, gatherMs] = [4, 100];

/** Acknowledgements of all followers in this process for one collector. What gathers during one message goes with the next. */
export class AcknowledgementOutbox {
  readonly #url: string;
  readonly #headers: { readonly [name: string]: string };
  readonly #log: FollowerLog;
  readonly #connections: HttpConnections;
  readonly #closed = new AbortController();
  readonly #waiting = new Map<string, Acknowledgement>();
  #pushed = 0;
  #sending: Promise<void> | undefined;

  constructor(url: string, headers: { readonly [name: string]: string }, log: FollowerLog) {
    this.#url = `${url.replace(/\/$/, '')}/v1/acknowledgements`;
    this.#headers = headers;
    this.#log = log;
    this.#connections = keepConnections(url, 2);
  }

  /** Only the latest of each consumer is of interest. */
  push(acknowledgement: Acknowledgement): void {
    this.#pushed += 1;
    this.#waiting.set(`${acknowledgement.datasource}\n${acknowledgement.consumer}`, acknowledgement);
    if (this.#sending !== undefined || this.#closed.signal.aborted) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  close(): void {
    this.#closed.abort();
    this.#connections.destroy();
  }

  async #sendAll(): Promise<void> {
    const backOff = new BackOff(this.#closed.signal, 50, 1_000);
    while (this.#waiting.size > 0 && !this.#closed.signal.aborted) {
      await this.#gather();
      const batch = [...this.#waiting].slice(0, perMessage);
      try {
        await this.#send(batch.map(([, acknowledgement]) => acknowledgement));
        for (const [key, sent] of batch) if (this.#waiting.get(key) === sent) this.#waiting.delete(key);
        backOff.reset();
      } catch (error) {
        this.#log.debug({ url: this.#url, error: String(error) }, 'acknowledging failed; trying again');
        await backOff.wait();
      }
    }
  }

  async #gather(): Promise<void> {
    const until = performance.now() + gatherMs;
    for (let before = -1; before !== this.#pushed && performance.now() < until;) {
      before = this.#pushed;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
  }

  async #send(acknowledgements: readonly Acknowledgement[]): Promise<void> {
    const answer = await callHttp({
      method: 'POST',
      url: this.#url,
      headers: { 'content-type': 'application/json', ...this.#headers },
      body: JSON.stringify({ acknowledgements }),
      agent: this.#connections.agent,
      timeoutMs: 2_000,
      signal: this.#closed.signal,
    });
    if (answer.status !== 200)
      throw new Error(`expected status 200, seen ${answer.status} ${answer.text.slice(0, 200)}`);
  }
}
