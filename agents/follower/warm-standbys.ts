import type { Candidate, DatasourceDocument } from '../../domain/datasource.ts';
import type { FollowerLog } from './options.ts';
import { isSameAddress, type PoolGeneration } from './pool-generation.ts';

/** Connections that nobody uses get lost unnoticed; this often they are looked at. */
const lookEveryMs = 30_000;

interface Standby {
  readonly document: DatasourceDocument;
  generation: PoolGeneration | undefined;
  timer: NodeJS.Timeout | undefined;
  isWanted: boolean;
}

/**
 * One open connection to every server that may become the primary. When a thousand consumers switch at once, opening
 * connections is what takes the time, theirs and the new primary's. They prove nothing: that comes with the document.
 */
export class WarmStandbys {
  readonly #withinMs: number;
  readonly #open: (document: DatasourceDocument) => Promise<PoolGeneration>;
  readonly #log: FollowerLog;
  #standbys: readonly Standby[] = [];

  constructor(
    withinMs: number,
    open: (document: DatasourceDocument) => Promise<PoolGeneration>,
    log: FollowerLog,
  ) {
    this.#withinMs = withinMs;
    this.#open = open;
    this.#log = log;
  }

  /** Those that the document names; others are given up. */
  keep(document: DatasourceDocument): void {
    if (this.#withinMs === 0) return;
    const wanted = (document.candidates ?? []).map((candidate) => standbyFor(document, candidate));
    const kept = this.#standbys.filter((one) => wanted.some((other) => isSameAddress(one.document, other)));
    for (const one of this.#standbys) if (!kept.includes(one)) void giveUp(one);
    const added = wanted
      .filter((one) => !kept.some((other) => isSameAddress(other.document, one)))
      .map((one): Standby => ({ document: one, generation: undefined, timer: undefined, isWanted: true }));
    this.#standbys = [...kept, ...added];
    for (const one of added) this.#lookIn(one, this.#withinMs * (0.2 + Math.random() * 0.8));
  }

  /** The pool for this address, if there is one. It is the caller's from now on. */
  take(document: DatasourceDocument): PoolGeneration | undefined {
    const found = this.#standbys.find((one) => isSameAddress(one.document, document));
    if (found?.generation === undefined) return undefined;
    const { generation } = found;
    this.#standbys = this.#standbys.filter((one) => one !== found);
    found.generation = undefined;
    void giveUp(found);
    return generation;
  }

  async close(): Promise<void> {
    await Promise.all(this.#standbys.map(giveUp));
    this.#standbys = [];
  }

  #lookIn(standby: Standby, ms: number): void {
    standby.timer = setTimeout(() => void this.#look(standby), ms);
    standby.timer.unref();
  }

  async #look(standby: Standby): Promise<void> {
    try {
      const generation = standby.generation ?? (await this.#open(standby.document));
      if (!standby.isWanted) return void (await generation.drain(0));
      standby.generation = generation;
      await generation.warm();
    } catch (error) {
      const { host, port } = standby.document;
      this.#log.debug({ host, port, error: String(error) }, 'no connection to a possible next primary');
    }
    if (standby.isWanted) this.#lookIn(standby, lookEveryMs * (0.5 + Math.random()));
  }
}

/** Nothing but its address is meant: what server it is, the next document says. */
const standbyFor = (document: DatasourceDocument, { node, host, port }: Candidate): DatasourceDocument => ({
  ...document,
  primary: node,
  host,
  port,
  serverIdentity: '',
});

async function giveUp(standby: Standby): Promise<void> {
  standby.isWanted = false;
  clearTimeout(standby.timer);
  await standby.generation?.drain(0);
}
