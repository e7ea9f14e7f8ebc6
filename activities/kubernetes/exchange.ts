import type { Dispatcher, Pool } from 'undici';

export interface Answer {
  readonly code: number;
  readonly text: string;
  /** NaN without the header. */
  readonly retryAfter: number;
}

/**
 * One request and its whole answer. Below undici's `request`, which makes a stream of each answer: thousands of small
 * writes share their processors with the API server on a small machine, and a stream for each is no small part of ours.
 * @throws what undici says of the connection; after `signal` its reason, while the request is given up behind it
 */
export function exchange(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  signal?: AbortSignal,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  if (signal?.aborted === true) {
    reject(signal.reason);
    return promise;
  }
  let controller: Dispatcher.DispatchController | undefined;
  let code = 0;
  let retryAfter = Number.NaN;
  const chunks: Buffer[] = [];
  const abort = () => {
    reject(signal?.reason);
    controller?.abort(asError(signal?.reason));
  };
  const ended = () => signal?.removeEventListener('abort', abort);
  signal?.addEventListener('abort', abort, { once: true });
  pool.dispatch(request, {
    onRequestStart: (started) => {
      controller = started;
      if (signal?.aborted === true) started.abort(asError(signal.reason)); // while it waited for a connection
    },
    onResponseStart: (_, status, headers) => {
      code = status; // an informational answer comes before the real one
      retryAfter = Number(headers['retry-after'] ?? Number.NaN);
    },
    onResponseData: (_, chunk) => void chunks.push(chunk),
    onResponseEnd: () => {
      ended();
      resolve({ code, text: textOf(chunks), retryAfter });
    },
    onResponseError: (_, error) => {
      ended();
      reject(error);
    },
  });
  return promise;
}

const textOf = (chunks: readonly Buffer[]): string =>
  (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)).toString('utf8');

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
