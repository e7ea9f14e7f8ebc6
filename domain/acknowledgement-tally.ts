import type { Acknowledgement, ConnectedConsumer, RegisteredConsumer } from './datasource.ts';
import type { Stamp } from './operation.ts';

/** What has to be acknowledged. */
export interface Wanted extends Stamp {
  readonly digest: string;
}

/** Where one push stands; lists in the order of the names. */
export interface TallyState {
  readonly live: number;
  readonly acknowledged: number;
  /** Waited for, and silent or refusing. */
  readonly missing: readonly string[];
  /** Not waited for (consumers of the lost site), and without an acknowledgement. */
  readonly excused: readonly string[];
  /**
   * Connected to a collector, silent, and in no registry: alive while a registry that has just restarted fills again, or
   * the rest of a host that went away.
   */
  readonly unregistered: readonly string[];
  /** consumer -> why it does not apply the document; only of those that are missing. */
  readonly refused: ReadonlyMap<string, string>;
  /** Whether it is known who is alive: some registry was read, and each that is needed. */
  readonly isComplete: boolean;
  /** Centers whose registry is needed and was never read. */
  readonly unread: readonly string[];
}

/**
 * Counts who has applied a document. Collectors say it fast; the registry says who is alive, and the same again,
 * slowly, for those whose acknowledgement got lost.
 */
export class AcknowledgementTally {
  readonly #wanted: Wanted;
  readonly #isExcused: (consumer: ConnectedConsumer) => boolean;
  readonly #needed: readonly string[];
  readonly #acknowledgedAt = new Map<string, number>();
  readonly #refused = new Map<string, string>();
  readonly #registries = new Map<string, readonly RegisteredConsumer[]>();
  readonly #connected = new Map<string, readonly ConnectedConsumer[]>();
  #counted:
    | { readonly registered: readonly RegisteredConsumer[]; readonly others: readonly ConnectedConsumer[] }
    | undefined;
  #viaRegistry = 0;

  /** @param needed centers without whose registry it is not known who is alive; none: any one will do */
  constructor(
    wanted: Wanted,
    isExcused: (consumer: ConnectedConsumer) => boolean,
    needed: readonly string[] = [],
  ) {
    this.#wanted = wanted;
    this.#isExcused = isExcused;
    this.#needed = needed;
  }

  /** @param at when it became known, ms since 1970 */
  hear(acknowledgement: Acknowledgement, at: number): void {
    if (!this.#isWanted(acknowledgement)) return;
    const { consumer, refused } = acknowledgement;
    if (refused === undefined) this.#acknowledge(consumer, at);
    else if (!this.#acknowledgedAt.has(consumer)) this.#refused.set(consumer, refused);
  }

  /** What the registry of one center lists now; it replaces what it listed before. */
  list(center: string, consumers: readonly RegisteredConsumer[], at: number): void {
    this.#registries.set(center, consumers);
    this.#counted = undefined;
    for (const entry of consumers) {
      if (this.#isWanted(entry)) {
        if (this.#acknowledge(entry.consumer, at)) this.#viaRegistry += 1;
      } else if (entry.refused !== undefined && !this.#acknowledgedAt.has(entry.consumer)) {
        this.#refused.set(entry.consumer, entry.refused);
      }
    }
  }

  /** Who is connected to one collector now; it replaces who was before. */
  meet(collector: string, consumers: readonly ConnectedConsumer[]): void {
    this.#connected.set(collector, consumers);
    this.#counted = undefined;
  }

  hasAcknowledged(consumer: unknown): boolean {
    return typeof consumer === 'string' && this.#acknowledgedAt.has(consumer);
  }

  get registriesRead(): readonly string[] {
    return [...this.#registries.keys()];
  }

  /** ms since 1970, of everyone who acknowledged. */
  get times(): readonly number[] {
    return [...this.#acknowledgedAt.values()];
  }

  /** How many were only heard of by the registry. */
  get viaRegistry(): number {
    return this.#viaRegistry;
  }

  /** @param only count these consumers and nobody else */
  state(only?: readonly string[]): TallyState {
    const registered = this.alive().filter(({ consumer }) => only === undefined || only.includes(consumer));
    const others = only === undefined ? this.#consumers().others : [];
    // Who has said something, be it a refusal, lives.
    const isCounted = (one: ConnectedConsumer) =>
      this.#acknowledgedAt.has(one.consumer) || this.#refused.has(one.consumer) || this.#isExcused(one);
    const entries: readonly ConnectedConsumer[] = [...registered, ...others.filter(isCounted)];
    const silent = entries.filter(({ consumer }) => !this.#acknowledgedAt.has(consumer));
    const unread = this.#needed.filter((center) => !this.#registries.has(center));
    const missing = sortedNames(silent.filter((entry) => !this.#isExcused(entry)));
    return {
      live: entries.length,
      acknowledged: entries.length - silent.length,
      missing,
      excused: sortedNames(silent.filter(this.#isExcused)),
      unregistered: sortedNames(others.filter((one) => !isCounted(one))),
      refused: new Map([...this.#refused].filter(([consumer]) => missing.includes(consumer))),
      isComplete: this.#registries.size > 0 && unread.length === 0,
      unread,
    };
  }

  /** A consumer may stand in several registries; it is one consumer. */
  alive(): readonly RegisteredConsumer[] {
    return this.#consumers().registered;
  }

  /** Kept until a list changes: counting happens far more often. */
  #consumers() {
    if (this.#counted !== undefined) return this.#counted;
    const registered = new Map([...this.#registries.values()].flat().map((one) => [one.consumer, one]));
    const connected = new Map([...this.#connected.values()].flat().map((one) => [one.consumer, one]));
    const others = [...connected.values()].filter(({ consumer }) => !registered.has(consumer));
    this.#counted = { registered: [...registered.values()], others };
    return this.#counted;
  }

  #isWanted({ epoch, operation, digest }: Wanted): boolean {
    const wanted = this.#wanted;
    return epoch === wanted.epoch && operation === wanted.operation && digest === wanted.digest;
  }

  /** @returns whether that was news */
  #acknowledge(consumer: string, at: number): boolean {
    this.#refused.delete(consumer);
    if (this.#acknowledgedAt.has(consumer)) return false;
    this.#acknowledgedAt.set(consumer, at);
    return true;
  }
}

const sortedNames = (consumers: readonly ConnectedConsumer[]): readonly string[] =>
  consumers.map(({ consumer }) => consumer).sort();

/** Nearest rank; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? 0;
}

/** How many fall into each stretch of 5 ms: [its end, how many], the empty ones left out. */
export function distributionOf(valuesMs: readonly number[]): readonly (readonly [number, number])[] {
  const counts = new Map<number, number>();
  for (const value of valuesMs) {
    const end = Math.max(5, Math.ceil(value / 5) * 5);
    counts.set(end, (counts.get(end) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

/** "a, b and 3 more" */
export function namesOf(names: readonly string[], atMost = 10): string {
  const rest = names.length - atMost;
  return rest > 0 ? `${names.slice(0, atMost).join(', ')} and ${rest} more` : names.join(', ');
}
