import { judgeDocument, type HeldDocument } from '../../domain/datasource-document.ts';
import type { Acknowledgement, ConnectedConsumer, DatasourceDocument } from '../../domain/datasource.ts';
import { judgeStamp } from '../../domain/operation.ts';

/** Acknowledgements that arrive within this time travel to the orchestrator in one answer. */
const gatherMs = 5;
/** Consumers remembered per datasource; the ones that were silent longest are forgotten first. */
const maxConsumers = 20_000;

export interface AcknowledgementBatch {
  /** Pass it as `since` to hear only of what came later. */
  readonly sequence: number;
  readonly acknowledgements: readonly Acknowledgement[];
  readonly connected: number;
}

export type HandVerdict =
  | { readonly kind: 'handed'; readonly handed: number; readonly connected: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly highest: HeldDocument };

interface Entry {
  readonly sequence: number;
  readonly acknowledgement: Acknowledgement;
}

/** A connection over which one or more consumers are reached. */
export interface ConsumerStream {
  /** Takes a line of JSON. */
  send(line: string): void;
}

/**
 * What the collector knows of one datasource. Memory only: after a restart the followers connect again, and
 * acknowledge again what they run on.
 */
export class DatasourceBoard {
  readonly #datasource: string;
  readonly #streams = new Map<string, Set<ConsumerStream>>();
  /** consumer -> its site; of those that are connected. */
  readonly #sites = new Map<string, string>();
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();
  #sequence = 0;
  #gathering: NodeJS.Timeout | undefined;
  #document: DatasourceDocument | undefined;
  #held: HeldDocument | undefined;

  constructor(datasource: string) {
    this.#datasource = datasource;
  }

  /** A stream has opened; it is given the document that is held, for those of its consumers that are meant. */
  connect(followers: readonly ConnectedConsumer[], stream: ConsumerStream): () => void {
    const consumers = followers.map(({ consumer }) => consumer);
    for (const { consumer, site } of followers) {
      this.#sites.set(consumer, site);
      const streams = this.#streams.get(consumer) ?? new Set<ConsumerStream>();
      this.#streams.set(consumer, streams.add(stream));
    }
    const held = this.#document;
    const meant = held === undefined ? [] : consumers.filter((consumer) => isFor(held, consumer));
    if (held !== undefined && meant.length > 0) stream.send(lineOf(JSON.stringify(held), meant));
    return () => {
      for (const consumer of consumers) {
        const streams = this.#streams.get(consumer);
        streams?.delete(stream);
        if (streams?.size !== 0) continue;
        this.#streams.delete(consumer);
        this.#sites.delete(consumer);
      }
    };
  }

  /** Who is connected now. */
  get connected(): readonly ConnectedConsumer[] {
    return [...this.#sites].map(([consumer, site]) => ({ consumer, site }));
  }

  /** Keeps the highest stamp of each consumer: batches may overtake one another. */
  acknowledge(acknowledgement: Acknowledgement): void {
    const { consumer } = acknowledgement;
    const before = this.#entries.get(consumer)?.acknowledgement;
    if (before !== undefined && before.epoch > acknowledgement.epoch) return;
    this.#sequence += 1;
    this.#entries.delete(consumer); // to the end of the order: it is the one that spoke last
    this.#entries.set(consumer, { sequence: this.#sequence, acknowledgement });
    if (this.#entries.size > maxConsumers) this.#forgetOldest();
    if (this.#gathering === undefined) this.#gathering = setTimeout(() => this.#wake(), gatherMs);
  }

  /** Hands a document to those connected consumers that have not acknowledged it. */
  hand(document: DatasourceDocument, digest: string, to?: readonly string[]): HandVerdict {
    const verdict = judgeDocument(this.#held, document, digest, { datasource: this.#datasource });
    if (verdict.kind === 'refuse' && this.#held !== undefined) {
      return { kind: 'refused', reason: verdict.reason, highest: this.#held };
    }
    // A canary edition must not take the place of the formal one that came after it.
    if (verdict.kind === 'apply' || document.canary === undefined) this.#document = document;
    this.#held = { epoch: document.epoch, operation: document.operation, digest };
    const meant = (to ?? [...this.#streams.keys()]).filter(
      (consumer) => isFor(document, consumer) && !this.#hasApplied(consumer, document, digest),
    );
    const reached = new Map<ConsumerStream, string[]>();
    let handed = 0;
    for (const consumer of meant) {
      const streams = this.#streams.get(consumer) ?? [];
      for (const stream of streams) {
        const names = reached.get(stream);
        if (names === undefined) reached.set(stream, [consumer]);
        else names.push(consumer);
      }
      if (this.#streams.has(consumer)) handed += 1;
    }
    const text = JSON.stringify(document);
    for (const [stream, consumers] of reached) stream.send(lineOf(text, consumers));
    return { kind: 'handed', handed, connected: this.#streams.size };
  }

  /** What came after `since` for this epoch; waits for something when there is nothing yet. */
  async since(ask: {
    readonly epoch: number;
    readonly since: number;
    readonly waitMs: number;
    readonly signal: AbortSignal;
  }): Promise<AcknowledgementBatch> {
    const deadline = Date.now() + ask.waitMs;
    for (;;) {
      const acknowledgements = [...this.#entries.values()]
        .filter((entry) => entry.sequence > ask.since && entry.acknowledgement.epoch === ask.epoch)
        .map((entry) => entry.acknowledgement);
      const leftMs = deadline - Date.now();
      if (acknowledgements.length > 0 || leftMs <= 0 || ask.signal.aborted) {
        return { sequence: this.#sequence, acknowledgements, connected: this.#streams.size };
      }
      await this.#nextBatch(leftMs, ask.signal);
    }
  }

  #hasApplied(consumer: string, document: DatasourceDocument, digest: string): boolean {
    const held = this.#entries.get(consumer)?.acknowledgement;
    if (held === undefined || held.refused !== undefined || held.digest !== digest) return false;
    return judgeStamp(held, document.epoch, document.operation).kind === 'ours';
  }

  #nextBatch(withinMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      signal.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    this.#gathering = undefined;
    for (const wake of this.#waiting) wake();
  }

  #forgetOldest(): void {
    for (const consumer of this.#entries.keys()) {
      this.#entries.delete(consumer);
      return;
    }
  }
}

/** The document as text, because it is the same for everybody. */
const lineOf = (document: string, to: readonly string[]): string =>
  `{"document":${document},"to":${JSON.stringify(to)}}`;

const isFor = (document: DatasourceDocument, consumer: string): boolean =>
  document.canary === undefined || document.canary.includes(consumer);
