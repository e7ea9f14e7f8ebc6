import type { AcknowledgementTally, TallyState } from '../domain/acknowledgement-tally.ts';
import type { DatasourceDocument } from '../domain/datasource.ts';
import type { CollectorClient } from './collector-client.ts';
import { textOf, type PushTarget } from './push-targets.ts';
import type { StepTools } from './tools.ts';

/**
 * Consumers that have said nothing for so long are handed the document by a collector: at once where the center is
 * slow by its making. Who is silent after that is handed it by all collectors, again and again.
 */
const handAfterMs = 150;
const handAgainMs = [400, 1_000];
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
  /** How long a registry that was not read yet may need; ms since 1970. */
  readonly centersBy: number;
  /** How long those are waited for who are connected to a collector and stand in no registry. */
  readonly unregisteredMs: number;
  readonly tools: StepTools;
}

/** Listens to every collector from before the publish on, so that no acknowledgement is missed. */
export class AcknowledgementWatch {
  readonly #watched: Watched;
  readonly #stopped = new AbortController();
  readonly #signal: AbortSignal;
  #wake: () => void = () => undefined;
  #handed = 0;
  #handedAt: number | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#signal = AbortSignal.any([watched.tools.signal, this.#stopped.signal]);
    const { collectors, document, tally, tools } = watched;
    for (const collector of collectors) {
      collector.connect().catch(() => undefined); // listening tells the same trouble, again and again
      void collector.listen({
        datasource: document.datasource,
        epoch: document.epoch,
        signal: this.#signal,
        isSettled: (consumer) => tally.hasAcknowledged(consumer),
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

  /** When a collector had first passed on the edition that is waited for, ms since 1970. */
  get handedAt(): number | undefined {
    return this.#handedAt;
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

  async #meetConnected(): Promise<void> {
    const { collectors, tally, document, tools } = this.#watched;
    await Promise.all(
      collectors.map(async (collector) => {
        try {
          tally.meet(collector.name, await collector.consumers(document.datasource));
        } catch (error) {
          tools.log.debug(
            { collector: collector.name, error: textOf(error) },
            'the collector does not answer',
          );
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
    const { tally, tools, centersBy, unregisteredMs } = this.#watched;
    const startedAt = tools.now();
    const unregisteredBy = Math.min(deadline, startedAt + unregisteredMs);
    const isSlow = this.#watched.targets.some(({ driver }) => !driver.tellsAtOnce);
    let [handAt, registryAt] = [startedAt + (isSlow ? 0 : handAfterMs), startedAt + registryAfterMs];
    let turn = 0;
    this.#handedAt = undefined; // a canary edition may have been handed over before
    for (;;) {
      const state = tally.state(only);
      const now = tools.now();
      const until = state.isComplete ? deadline : Math.max(deadline, centersBy);
      const isWaited = state.missing.length > 0 || (state.unregistered.length > 0 && now < unregisteredBy);
      if ((state.isComplete && !isWaited) || now >= until) return state;
      tools.signal.throwIfAborted();
      if (now >= handAt) {
        handAt = now + (handAgainMs[turn] ?? 1_000);
        const silent = [...state.missing, ...state.excused, ...state.unregistered];
        void this.#hand(edition, turn === 0 && state.acknowledged === 0 ? undefined : silent, turn);
        turn += 1;
      }
      if (now >= registryAt) {
        registryAt = now + registryEveryMs;
        void this.readRegistries();
        void this.#meetConnected();
      }
      tools.heartbeat({ acknowledged: state.acknowledged, live: state.live });
      await this.#change(
        Math.max(1, Math.min(handAt, registryAt, until, now < unregisteredBy ? unregisteredBy : until) - now),
      );
    }
  }

  /** One collector is enough at first: consumers are connected to all, and each would hand the same over. */
  async #hand(document: DatasourceDocument, to: readonly string[] | undefined, turn: number): Promise<void> {
    const { collectors } = this.#watched;
    if (to?.length === 0) return;
    if (turn === 0) {
      for (const collector of collectors) if (await this.#handBy(collector, document, to)) return;
    } else await Promise.all(collectors.map((collector) => this.#handBy(collector, document, to)));
  }

  async #handBy(
    collector: CollectorClient,
    document: DatasourceDocument,
    to: readonly string[] | undefined,
  ): Promise<boolean> {
    const { tools } = this.#watched;
    try {
      const handed = await collector.hand(document, to);
      this.#handed += handed;
      if (handed > 0) this.#handedAt ??= tools.now();
      return handed > 0;
    } catch (error) {
      tools.log.debug({ collector: collector.name, error: textOf(error) }, 'collector hands nothing over');
      return false;
    }
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
