import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import {
  classifyAnswer,
  fieldConflicts,
  nextAttemptIn,
  readStatus,
  usualPatience,
  type AnswerClass,
  type Patience,
} from '../../domain/kubernetes/answers.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import type { StepTools } from '../tools.ts';
import { ApiError, ConnectionError, hasCode } from './api-error.ts';
import { exchange } from './exchange.ts';
import { openGate } from './in-flight-gate.ts';
import { readKubeconfig, type ClusterAccess } from './kubeconfig.ts';

export type Method = 'GET' | 'PATCH' | 'POST' | 'PUT' | 'DELETE';

export interface ApiCall {
  readonly method: Method;
  /** Path and query, e.g. /api/v1/nodes?limit=500 */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  /** How long one attempt may take; default 30 s. */
  readonly timeoutMs?: number;
  /** `once`: never repeated, for what must not be done twice. Otherwise how long each kind of trouble is sat out. */
  readonly patience?: Patience | 'once';
  readonly signal?: AbortSignal;
}

/** One cluster, as one identity. Requests share one pool of connections. */
export interface KubernetesClient {
  readonly name: string;
  readonly server: string;
  readonly inFlight: number;
  /** @throws ApiError (answered) or ConnectionError (no answer), both after the patience */
  send(call: ApiCall): Promise<{ readonly code: number; readonly text: string }>;
  /** Waits while the server starts: its roles and kinds are not complete before. @throws as `send` */
  untilReady(signal?: AbortSignal): Promise<void>;
  /** The parsed answer of `send`. */
  call<Answer = unknown>(call: ApiCall): Promise<Answer>;
  /** Attempts that were answered with "come back later" since the client was made. */
  readonly busyAnswers: () => number;
  close(): Promise<void>;
}

const ATTEMPT_MS = 30_000;
/** How long after it was last seen in trouble a server may still be loading its roles. */
const RECOVERY_MS = 120_000;
/** Answered to everybody, by a server that starts, too: 500 as long as it knows its roles and kinds in part. */
const READINESS = '/readyz';

interface Trouble {
  readonly error: ApiError | ConnectionError;
  readonly class: AnswerClass;
  readonly retryAfterMs?: number;
}

export function makeClient(name: string, access: ClusterAccess, inFlight: number): KubernetesClient {
  // One pool for all: client-node would open one TLS connection per request. HTTP/1.1 on purpose: with HTTP/2 all
  // requests in flight would die together with the one connection.
  const { origin, pathname } = new URL(access.server);
  const root = pathname.replace(/\/$/, ''); // clusters behind a proxy live below a path
  const pool = new Pool(origin, {
    connections: inFlight,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: { ...access.tls, timeout: 5_000 },
  });
  let busy = 0;
  let troubledAt = -Infinity;

  async function attempt({ method, path, body, contentType, accept, timeoutMs, signal }: ApiCall) {
    const limitMs = timeoutMs ?? ATTEMPT_MS;
    if (signal !== undefined) setMaxListeners(0, signal); // one listener for each request in flight is no leak
    const attempted = `${method} ${path.split('?')[0]}`;
    try {
      const answer = await exchange(
        pool,
        {
          method,
          path: `${root}${path}`,
          headersTimeout: limitMs,
          bodyTimeout: limitMs,
          headers: {
            accept: accept ?? 'application/json',
            ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
            ...(await access.headers()),
          },
          ...(body === undefined ? {} : { body }),
        },
        signal,
      );
      return { ...answer, attempted };
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw new ConnectionError(name, attempted, error);
    }
  }

  const gate = openGate(inFlight);
  async function gated(wanted: ApiCall) {
    await gate.enter();
    let answer: 'fine' | 'busy' = 'fine';
    try {
      const answered = await attempt(wanted);
      if (answered.code === 429) answer = 'busy';
      return answered;
    } finally {
      gate.leave(answer);
    }
  }

  /** Of no use: a server in its first moments forbids even this, and so may whoever stands before it. */
  async function readiness(signal: AbortSignal | undefined): Promise<'ready' | 'starting' | 'no use'> {
    try {
      const call = { method: 'GET', path: READINESS, timeoutMs: 5_000 } as const;
      const { code } = await attempt({ ...call, ...(signal === undefined ? {} : { signal }) });
      if (code >= 500) return 'starting';
      return code < 400 ? 'ready' : 'no use';
    } catch (error) {
      if (error instanceof ConnectionError) return 'starting';
      throw error;
    }
  }

  /** One attempt: the answer, or what is wrong with it. */
  async function ask(wanted: ApiCall): Promise<{ code: number; text: string } | Trouble> {
    try {
      const { code, text, retryAfter, attempted } = await gated(wanted);
      if (code < 400) return { code, text };
      const status = readStatus(code, text);
      const seconds = retryAfter > 0 ? retryAfter : status.retryAfterSeconds;
      return {
        error: new ApiError(name, attempted, status, fieldConflicts(status)),
        class: classifyAnswer(status),
        ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1_000 }),
      };
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return { error, class: 'passing' };
    }
  }

  async function send(wanted: ApiCall): Promise<{ code: number; text: string }> {
    const startedAt = Date.now();
    let wasReady = false;
    for (let count = 1; ; count += 1) {
      const answer = await ask(wanted);
      if (!('error' in answer)) return answer;
      if (answer.class === 'busy') busy += 1;
      if (wanted.patience === 'once') throw answer.error;
      if (answer.error instanceof ConnectionError) {
        troubledAt = Date.now();
        wasReady = false;
      }
      // A server that has just come back knows no roles yet: then even "forbidden" is a matter of time, and what counts is
      // the answer of one that was ready when it was asked. That it was away need not have been noticed: a connection that
      // nobody used is simply made anew.
      if (answer.class === 'doubtful' && !wasReady) {
        const state = await readiness(wanted.signal);
        wasReady = state === 'ready';
        if (wasReady) continue;
        if (state === 'starting') troubledAt = Date.now();
      }
      const isBack = answer.class === 'doubtful' && Date.now() - troubledAt < RECOVERY_MS;
      const timing = { attempt: count, elapsedMs: Date.now() - startedAt, random: Math.random() };
      const trouble = isBack ? { ...answer, class: 'passing' as const } : answer;
      const wait = nextAttemptIn({ ...trouble, ...timing }, wanted.patience ?? usualPatience);
      if (wait === undefined) throw answer.error;
      await sleep(wait, undefined, wanted.signal === undefined ? {} : { signal: wanted.signal });
    }
  }

  return {
    name,
    server: access.server,
    inFlight,
    send,
    untilReady: async (signal) => {
      try {
        await send({ method: 'GET', path: READINESS, ...(signal === undefined ? {} : { signal }) });
      } catch (error) {
        // Whoever stands before the server may keep it from us: then nobody can tell.
        if (![401, 403, 404].some((code) => hasCode(error, code))) throw error;
      }
    },
    call: async <Answer>(wanted: ApiCall) => parse((await send(wanted)).text) as Answer,
    busyAnswers: () => busy,
    // Closing twice is no error: a renewed kubeconfig closes the old client, and so may its user.
    close: async () => {
      if (!pool.closed && !pool.destroyed) await pool.close();
    },
  };
}

const parse = (text: string): unknown => (text.startsWith('{') ? JSON.parse(text) : text);

/** Clients of this process, by what they were made from: a renewed kubeconfig makes a new one. */
const clients = new Map<string, { readonly made: string; readonly client: Promise<KubernetesClient> }>();

/** The shared client of a cluster of the inventory. */
export async function clientOf(
  name: string,
  cluster: KubernetesCluster,
  tools: StepTools,
): Promise<KubernetesClient> {
  const text = await tools.secret(cluster.kubeconfig);
  const made = createHash('sha256')
    .update(JSON.stringify([text, cluster.context, cluster.inFlight]))
    .digest('hex');
  const known = clients.get(name);
  if (known?.made === made) return known.client;
  const client = readKubeconfig(text, cluster.context).then((access) =>
    makeClient(name, access, cluster.inFlight),
  );
  clients.set(name, { made, client });
  client.catch(() => clients.delete(name));
  // What the old client still does ends with it; nobody waits for that, so nobody else would hear of a failure.
  known?.client
    .then((old) => old.close())
    .catch((error: unknown) => tools.log.debug({ error: String(error) }, 'an old client'));
  return client;
}
