import type { AcknowledgementTally, TallyState } from '../domain/acknowledgement-tally.ts';
import type { DatasourceDocument } from '../domain/datasource.ts';
import type { CollectorClient } from './collector-client.ts';
import { textOf, type PushTarget } from './push-targets.ts';
import type { StepTools } from './tools.ts';

/** Consumers that have said nothing after this long are handed the document by the collectors, and again every second. */
const handAfterMs = 150;
const handAgainMs = 1_000;
/** The registry follows by about half a second; reading it costs the center more than it is worth before that. */
const registryAfterMs = 700;
/** What arrives within this time is counted together: counting a thousand consumers is not free. */
const gatherMs = 5;
const registryEveryMs = 500;

export interface Watched {
  readonly tally: AcknowledgementTally;
  readonly document: DatasourceDocument;
  readonly targets: readonly PushTarget[];
  readonly collectors: readonly CollectorClient[];
  readonly tools: StepTools;
}

/** Listens to every collector from before the publish on, so that no acknowledgement is missed. */
export class AcknowledgementWatch {
  readonly #watched: Watched;
  readonly #stopped = new AbortController();
  readonly #signal: AbortSignal;
  #wake: () => void = () => undefined;
  #handed = 0;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#signal = AbortSignal.any([watched.tools.signal, this.#stopped.signal]);
    const { collectors, document, tally, tools } = watched;
    for (const collector of collectors) {
      void collector.listen({
        datasource: document.datasource,
        epoch: document.epoch,
        signal: this.#signal,
        heard: (acknowledgements) => {
          for (const one of acknowledgements) tally.hear(one, tools.now());
          this.#wake();
        },
      });
    }
  }

  /** Documents that were handed over directly. */
  get handed(): number {
    return this.#handed;
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Who is alive, by every registry that answers. */
  async readRegistries(): Promise<void> {
    const { targets, tally, tools, document } = this.#watched;
    await Promise.all(
      targets.map(async ({ center, driver }) => {
        try {
          tally.list(center, await driver.consumers(document.datasource), tools.now());
        } catch (error) {
          tools.log.debug({ center, error: textOf(error) }, 'the registry cannot be read');
        }
      }),
    );
    this.#wake();
  }

  /**
   * Until nobody is missing or the time is over; meanwhile stragglers are handed the document.
   * @param only these consumers count (a canary); everyone when absent
   */
  async untilAcknowledged(
    edition: DatasourceDocument,
    deadline: number,
    only?: readonly string[],
  ): Promise<TallyState> {
    const { tally, tools } = this.#watched;
    const startedAt = tools.now();
    let [handAt, registryAt] = [startedAt + handAfterMs, startedAt + registryAfterMs];
    for (;;) {
      const state = tally.state(only);
      const now = tools.now();
      if ((state.isComplete && state.missing.length === 0) || now >= deadline) return state;
      tools.signal.throwIfAborted();
      if (now >= handAt) {
        handAt = now + handAgainMs;
        void this.#hand(edition, [...state.missing, ...state.excused]);
      }
      if (now >= registryAt) {
        registryAt = now + registryEveryMs;
        void this.readRegistries();
      }
      tools.heartbeat({ acknowledged: state.acknowledged, live: state.live });
      await this.#change(Math.max(1, Math.min(handAt, registryAt, deadline) - now));
    }
  }

  async #hand(document: DatasourceDocument, to: readonly string[]): Promise<void> {
    const { collectors, tools } = this.#watched;
    if (to.length === 0) return;
    await Promise.all(
      collectors.map(async (collector) => {
        try {
          this.#handed += await collector.hand(document, to);
        } catch (error) {
          tools.log.debug(
            { collector: collector.name, error: textOf(error) },
            'collector hands nothing over',
          );
        }
      }),
    );
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve();
      };
      let timer = setTimeout(done, withinMs);
      this.#wake = () => {
        this.#wake = () => undefined;
        clearTimeout(timer);
        timer = setTimeout(done, Math.min(gatherMs, withinMs));
      };
    });
  }
}
