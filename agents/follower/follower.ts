import { setTimeout as sleep } from 'node:timers/promises';
import { judgeDocument, type HeldDocument } from '../../domain/datasource-document.ts';
import type { Acknowledgement, DatasourceDocument } from '../../domain/datasource.ts';
import { BackOff } from './back-off.ts';
import { resolveSecret } from './config.ts';
import {
  defaultLimits,
  silentLog,
  type FollowerLimits,
  type FollowerLog,
  type FollowerOptions,
} from './options.ts';
import { isSameAddress, PoolGeneration } from './pool-generation.ts';
import type { ReadDocument } from './read-document.ts';
import { WarmStandbys } from './warm-standbys.ts';
import { WaitingRoom } from './waiting-room.ts';

export type Via = Acknowledgement['via'];

interface Accepted extends HeldDocument {
  readonly document: DatasourceDocument;
  readonly via: Via;
  isSuperseded: boolean;
  /** Only there once a first attempt has failed: a thousand of them at once are not free. */
  retries: AbortController | undefined;
}

/** Followers of this process; what can wait is spread over more time the more they are. */
let followersHere = 0;

/**
 * The part that decides: takes documents from wherever they come, goes only upwards, proves the primary, swaps the
 * pool and tells what it runs on. It knows neither config centers nor collectors.
 */
export class Follower {
  readonly room: WaitingRoom<PoolGeneration>;
  readonly #options: FollowerOptions;
  readonly #limits: FollowerLimits;
  readonly #log: FollowerLog;
  readonly #tell: (acknowledgement: Acknowledgement) => void;
  readonly #keep: (document: DatasourceDocument) => void;
  readonly #standbys: WarmStandbys;
  #accepted: Accepted | undefined;
  #applied: Acknowledgement | undefined;
  #refused: Acknowledgement | undefined;
  #generation: PoolGeneration | undefined;
  #applying = false;
  #closed = false;

  constructor(
    options: FollowerOptions,
    tell: (acknowledgement: Acknowledgement) => void,
    keep: (document: DatasourceDocument) => void,
  ) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#log = options.log ?? silentLog;
    this.#tell = tell;
    this.#keep = keep;
    this.#standbys = new WarmStandbys(this.#limits.warmMs, (document) => this.#open(document), this.#log);
    followersHere += 1;
    this.room = new WaitingRoom(this.#limits, `datasource ${options.datasource}: no document has come yet`);
  }

  /** What this consumer has to say about itself now; undefined before the first document. */
  get acknowledgement(): Acknowledgement | undefined {
    return this.#refused ?? this.#applied;
  }

  get applied(): Acknowledgement | undefined {
    return this.#applied;
  }

  get generation(): PoolGeneration | undefined {
    return this.#generation;
  }

  /** The epoch below which nothing is taken any more, without using the document yet. */
  raiseFloor(read: ReadDocument): void {
    this.#accepted ??= accepted(read, 'center');
  }

  /** A document has come, by whichever way, for the first time or again. */
  accept(read: ReadDocument, via: Via): void {
    if (this.#closed) return;
    const { document, digest } = read;
    const verdict = judgeDocument(this.#accepted, document, digest, this.#options);
    switch (verdict.kind) {
      case 'not for us':
        return;
      case 'refuse':
        this.#log.warn({ via, epoch: document.epoch, operation: document.operation }, verdict.reason);
        return;
      case 'same':
        if (this.#applied?.digest === digest || this.#applying) return;
        break; // the floor of a restart, not in use yet
      case 'apply':
        break;
    }
    const next = accepted(read, via);
    supersede(this.#accepted);
    this.#accepted = next;
    this.room.shut(
      `datasource ${document.datasource} is switching to ${document.primary} (epoch ${document.epoch})`,
    );
    void this.#apply(next);
  }

  async close(): Promise<void> {
    if (!this.#closed) followersHere -= 1;
    this.#closed = true;
    supersede(this.#accepted);
    this.room.close(`datasource ${this.#options.datasource}: the pool was closed`);
    await this.#standbys.close();
    await this.#generation?.drain(this.#limits.drainMs);
  }

  /** Tries until it works or something newer comes: the server may still be on its way up. */
  async #apply(wanted: Accepted): Promise<void> {
    this.#applying = true;
    let backOff: BackOff | undefined;
    while (!wanted.isSuperseded) {
      try {
        const generation = await this.#openProven(wanted);
        if (!wanted.isSuperseded) this.#swap(wanted, generation);
        else if (generation !== this.#generation) await generation.drain(0);
        break;
      } catch (error) {
        if (wanted.isSuperseded) break;
        this.#refuse(wanted, error instanceof Error ? error.message : String(error));
        wanted.retries ??= new AbortController();
        backOff ??= new BackOff(wanted.retries.signal, 50, 1_000);
        await backOff.wait();
      }
    }
    if (this.#accepted === wanted) this.#applying = false;
  }

  async #openProven({ document }: Accepted): Promise<PoolGeneration> {
    const { proveMs } = this.#limits;
    const current = this.#generation;
    // The address may be that of another server by now, and then its connections are of no use.
    if (current !== undefined && isSameAddress(current.document, document)) {
      if (current.document.serverIdentity === document.serverIdentity) {
        await current.prove(document, proveMs);
        return current;
      }
    }
    const generation = this.#standbys.take(document) ?? (await this.#open(document));
    try {
      await generation.prove(document, proveMs);
      return generation;
    } catch (error) {
      void generation.drain(0);
      throw error;
    }
  }

  async #open(document: DatasourceDocument): Promise<PoolGeneration> {
    const password = await (this.#options.password ?? resolveSecret)(document.password);
    return new PoolGeneration(document, password, this.#options.connectionLimit ?? 10, this.#limits.proveMs);
  }

  #swap(wanted: Accepted, generation: PoolGeneration): void {
    const old = this.#generation;
    const { document, digest, via } = wanted;
    this.#generation = generation;
    this.#applied = this.#acknowledge(wanted);
    this.#refused = undefined;
    this.room.open(generation);
    this.#tell(this.#applied);
    const { appliedAt } = this.#applied;
    const { epoch, operation, primary } = document;
    this.#options.onApplied?.({ epoch, operation, digest, primary, appliedAt, via });
    this.#keep(document);
    this.#standbys.keep(document);
    if (old === undefined || old === generation) return;
    void this.#drainLater(old);
  }

  /** Where many followers share a process, not all at once and none in the moment of the switch. */
  async #drainLater(old: PoolGeneration): Promise<void> {
    await sleep((0.3 + 0.7 * Math.random()) * Math.min(1_000, followersHere * 5));
    const cut = await old.drain(this.#limits.drainMs);
    if (cut > 0) {
      this.#log.warn({ cut, primary: old.document.primary }, 'connections were cut after the drain time');
    }
  }

  #refuse(wanted: Accepted, reason: string): void {
    const first = this.#refused?.refused !== reason;
    this.#refused = this.#acknowledge(wanted, reason.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 1_000));
    this.room.shut(
      `datasource ${wanted.document.datasource} is switching to ${wanted.document.primary} (epoch ${wanted.epoch}): ${reason}`,
    );
    if (!first) return;
    this.#log.warn(
      { epoch: wanted.epoch, primary: wanted.document.primary, reason },
      'document not applied yet',
    );
    this.#keep(wanted.document);
    this.#tell(this.#refused);
  }

  #acknowledge({ document, digest, via }: Accepted, refused?: string): Acknowledgement {
    const { datasource, epoch, operation } = document;
    const { consumer } = this.#options;
    const said = { datasource, consumer, epoch, operation, digest, appliedAt: Date.now(), via };
    return refused === undefined ? said : { ...said, refused };
  }
}

const accepted = ({ document, digest }: ReadDocument, via: Via): Accepted => ({
  epoch: document.epoch,
  operation: document.operation,
  digest,
  document,
  via,
  isSuperseded: false,
  retries: undefined,
});

function supersede(accepted: Accepted | undefined): void {
  if (accepted === undefined) return;
  accepted.isSuperseded = true;
  accepted.retries?.abort('superseded'); // a reason of our own: the default one records a stack
}
