import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Users that write through the gateways: node flip-load.ts OPTIONS-AS-JSON. Its own process, so that the load does
 * not slow down whoever moves the units. SIGTERM ends it; it then prints one line of JSON, `LoadResult`.
 */
export interface LoadOptions {
  readonly endpoints: readonly string[];
  readonly connections: number;
  readonly thinkMs: number;
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
  readonly errors: readonly string[];
  readonly seconds: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions;
const counts = { requests: 0, accepted: 0, fenced: 0, refused: 0, otherStatus: 0, connectionErrors: 0 };
const errors = new Map<string, number>();
const ending = new AbortController();
process.once('SIGTERM', () => ending.abort());

/** One kept connection; every request is another user's. */
async function runConnection(index: number): Promise<void> {
  const endpoint = new URL(options.endpoints[index % options.endpoints.length] ?? '');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let turn = 0; !ending.signal.aborted; turn += 1) {
    const user = `user-${(index * 7_919 + turn * 104_729) % options.users}`;
    const answer = await send(endpoint, agent, user, turn);
    counts.requests += 1;
    if (typeof answer === 'string') {
      counts.connectionErrors += 1;
      errors.set(answer, (errors.get(answer) ?? 0) + 1);
    } else if (answer.status === 200) counts.accepted += 1;
    else if (answer.status === 503 && answer.reason === 'fenced') counts.fenced += 1;
    else if (answer.status === 503) counts.refused += 1;
    else counts.otherStatus += 1;
    await pause(options.thinkMs);
  }
  agent.destroy();
}

function send(
  endpoint: URL,
  agent: Agent,
  user: string,
  seq: number,
): Promise<{ status: number; reason: string } | string> {
  return new Promise((resolve) => {
    const outgoing = request(
      endpoint,
      {
        method: 'POST',
        agent,
        timeout: 10_000,
        headers: { 'x-user-id': user, 'x-seq': seq, 'content-length': 0 },
      },
      (incoming) => {
        incoming.resume();
        incoming.once('error', (error) => resolve(String(error)));
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 0, reason: String(incoming.headers['x-refused'] ?? '') }),
        );
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
    outgoing.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)));
    outgoing.end();
  });
}

const startedAt = performance.now();
await Promise.all(Array.from({ length: options.connections }, (_, index) => runConnection(index)));
const result: LoadResult = {
  ...counts,
  errors: [...errors].map(([error, times]) => `${error} ×${times}`),
  seconds: (performance.now() - startedAt) / 1_000,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
