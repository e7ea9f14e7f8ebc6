import { createWriteStream, type WriteStream } from 'node:fs';
import { Agent, request } from 'node:http';

/** What the writer is told; times in ms. */
export interface LoadOptions {
  readonly gateways: readonly string[];
  /** Number of users; each has at most one write in flight, so its writes have an order. */
  readonly users: number;
  /** Pause of a user after an acknowledgement. */
  readonly thinkMs: number;
  readonly retryMs: number;
  readonly requestTimeoutMs: number;
  readonly datasources: readonly string[];
  readonly header: string;
  readonly logFile: string;
}

/** One line of the log: a write that a user was told is safe. */
export interface AcknowledgedWrite {
  readonly user: string;
  readonly seq: number;
  readonly datasource: string;
  readonly gateway: string;
  readonly unit: string;
  readonly epoch: number;
  readonly sentAt: number;
  readonly ackedAt: number;
  readonly attempts: number;
}

export interface LoadCounters {
  acknowledged: number;
  fenced: number;
  refused: number;
  connectionErrors: number;
  lastAcknowledgedAt: number;
}

interface Answer {
  readonly status: number;
  readonly unit: string;
  readonly epoch: number;
}

/** Users that write until told to stop; a write is retried with the same number until it is acknowledged. */
export class Load {
  readonly counters: LoadCounters = {
    acknowledged: 0,
    fenced: 0,
    refused: 0,
    connectionErrors: 0,
    lastAcknowledgedAt: 0,
  };
  readonly #options: LoadOptions;
  readonly #log: WriteStream;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  #stopping = false;
  #users: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
  }

  start(): void {
    this.#users = Array.from({ length: this.#options.users }, (_, index) =>
      this.#runUser(`user-${index}`, index),
    );
  }

  /** Lets every write in flight come to its end (acknowledged or given up), then closes the log. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#users);
    this.#agent.destroy();
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  async #runUser(user: string, index: number): Promise<void> {
    for (let seq = 1; !this.#stopping; seq += 1) {
      const datasource = this.#options.datasources[(index + seq) % this.#options.datasources.length] ?? '';
      await this.#write(user, seq, datasource, index + seq);
      await pause(this.#options.thinkMs);
    }
  }

  async #write(user: string, seq: number, datasource: string, turn: number): Promise<void> {
    const { gateways, retryMs } = this.#options;
    const sentAt = Date.now();
    for (let attempt = 0; !(this.#stopping && attempt > 0); attempt += 1) {
      const gateway = gateways[(turn + attempt) % gateways.length] ?? '';
      const answer = await this.#send(gateway, user, seq, datasource);
      if (answer?.status === 200) {
        const ackedAt = Date.now();
        this.counters.acknowledged += 1;
        this.counters.lastAcknowledgedAt = ackedAt;
        const { unit, epoch } = answer;
        const line: AcknowledgedWrite = {
          user,
          seq,
          datasource,
          gateway,
          unit,
          epoch,
          sentAt,
          ackedAt,
          attempts: attempt + 1,
        };
        this.#log.write(`${JSON.stringify(line)}\n`);
        return;
      }
      if (answer === undefined) this.counters.connectionErrors += 1;
      else if (answer.status === 503 && answer.unit === '') this.counters.fenced += 1;
      else this.counters.refused += 1;
      await pause(retryMs);
    }
  }

  /** undefined when no answer came: the outcome of the write is then unknown, as for any real client. */
  #send(gateway: string, user: string, seq: number, datasource: string): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const body = JSON.stringify({ user, seq, datasource });
      const outgoing = request(
        `${gateway}/writes`,
        {
          method: 'POST',
          agent: this.#agent,
          timeout: this.#options.requestTimeoutMs,
          headers: {
            [this.#options.header]: user,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        (incoming) => {
          incoming.resume();
          incoming.on('error', () => resolve(undefined));
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              // The application itself says who wrote; a gateway that refuses on its own does not set it.
              unit: String(incoming.headers['x-served-by'] ?? ''),
              epoch: Number(incoming.headers['x-served-epoch'] ?? 0),
            }),
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy());
      outgoing.on('error', () => resolve(undefined));
      outgoing.end(body);
    });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
