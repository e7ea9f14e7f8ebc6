import { connect, type Socket } from 'node:net';
import { AnswerReader, type Answer } from './http-answers.ts';

/**
 * Users that write through the gateways: node flip-load.ts OPTIONS-AS-JSON. Its own process, so that the load does
 * not slow down whoever moves the units. SIGTERM ends it; it then prints one line of JSON, `LoadResult`.
 *
 * Writes are due at a fixed rate, whatever the gateways do; each goes out over the next connection that is free, and
 * its latency counts from the moment in which it was due. Plain sockets: Node's own HTTP client costs more than
 * everything that is measured here.
 */
export interface LoadOptions {
  readonly endpoints: readonly string[];
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly users: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly accepted: number;
  /** 503 because the bucket is fenced. */
  readonly fenced: number;
  /** 503 for another reason (no lease, nowhere to go). */
  readonly refused: number;
  readonly otherStatus: number;
  readonly connectionErrors: number;
  /** Were due and could not be sent within a second: the machine, or the gateways, were too slow. */
  readonly notSent: number;
  readonly errors: readonly string[];
  readonly seconds: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions;
const tickMs = 2;
const tooLateMs = 1_000;

const counts = { accepted: 0, fenced: 0, refused: 0, otherStatus: 0, connectionErrors: 0, notSent: 0 };
const errors = new Map<string, number>();
const latencies: number[] = [];
const free: Connection[] = [];
/** When each write that waits was due. */
const due: number[] = [];
let sequence = 0;
let isEnding = false;

class Connection {
  readonly #endpoint: URL;
  readonly #reader = new AnswerReader((answer) => this.#answered(answer));
  #socket: Socket | undefined;
  #dueAt: number | undefined;

  constructor(endpoint: string) {
    this.#endpoint = new URL(endpoint);
    this.#open();
  }

  get isBusy(): boolean {
    return this.#dueAt !== undefined;
  }

  send(dueAt: number): void {
    this.#dueAt = dueAt;
    sequence += 1;
    const user = `user-${(sequence * 7_919) % options.users}`;
    this.#socket?.write(
      `POST / HTTP/1.1\r\nhost: ${this.#endpoint.host}\r\nx-user-id: ${user}\r\nx-seq: ${sequence}\r\ncontent-length: 0\r\n\r\n`,
    );
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): void {
    const socket = connect(Number(this.#endpoint.port), this.#endpoint.hostname);
    this.#socket = socket;
    this.#reader.reset();
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#reader.read(text));
    socket.once('connect', () => free.push(this));
    socket.once('error', (error: NodeJS.ErrnoException) => this.#failed(error.code ?? String(error)));
    socket.once('close', () => this.#closed());
  }

  #answered({ status, refused }: Answer): void {
    if (this.#dueAt === undefined) return this.#failed('an answer that nobody asked for');
    latencies.push(performance.now() - this.#dueAt);
    this.#dueAt = undefined;
    if (status === 200) counts.accepted += 1;
    else if (status === 503 && refused === 'fenced') counts.fenced += 1;
    else if (status === 503) counts.refused += 1;
    else counts.otherStatus += 1;
    const next = due.shift();
    if (next === undefined) free.push(this);
    else this.send(next);
  }

  #failed(why: string): void {
    counts.connectionErrors += 1;
    errors.set(why, (errors.get(why) ?? 0) + 1);
  }

  /** Idle ones may be closed by a proxy that reloads; one that still owes an answer is an error. */
  #closed(): void {
    const at = free.indexOf(this);
    if (at >= 0) free.splice(at, 1);
    if (isEnding) return;
    if (this.#dueAt !== undefined) this.#failed('closed before the answer');
    this.#dueAt = undefined;
    setTimeout(() => this.#open(), 10);
  }
}

const connections = Array.from(
  { length: options.connections },
  (_, index) => new Connection(options.endpoints[index % options.endpoints.length] ?? ''),
);
const startedAt = performance.now();
let made = 0;
const ticking = setInterval(() => {
  const now = performance.now();
  const wanted = Math.floor(((now - startedAt) * options.requestsPerSecond) / 1_000);
  for (; made < wanted; made += 1) {
    const dueAt = startedAt + (made * 1_000) / options.requestsPerSecond;
    const connection = free.shift(); // the one that rested longest, so all gateways take their part
    if (connection === undefined) due.push(dueAt);
    else connection.send(dueAt);
  }
  while ((due[0] ?? now) < now - tooLateMs) {
    due.shift();
    counts.notSent += 1;
  }
}, tickMs);

/** What was sent is answered before the end: the units log it, and the users must know of it. */
process.once('SIGTERM', () => {
  clearInterval(ticking);
  const seconds = (performance.now() - startedAt) / 1_000;
  counts.notSent += due.length;
  due.length = 0;
  const giveUpAt = performance.now() + 10_000;
  const wait = setInterval(() => {
    if (connections.some((one) => one.isBusy) && performance.now() < giveUpAt) return;
    clearInterval(wait);
    isEnding = true;
    for (const connection of connections) connection.close();
    print(seconds);
  }, 20);
});

function print(seconds: number): void {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round((sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0) * 10) / 10;
  const result: LoadResult = {
    ...counts,
    requests: latencies.length,
    errors: [...errors].map(([error, times]) => `${error} ×${times}`),
    seconds,
    latencyMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
