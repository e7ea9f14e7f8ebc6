/** One HTTP request of a step; the answer as text, whatever the status. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** @throws Error that names the request (never its query: it may hold a token) when no answer came in time */
export async function callHttp({ url, timeoutMs, signal, ...request }: HttpRequest): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      ...request,
      signal: AbortSignal.any([signal, timeout]),
      redirect: 'error',
    });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    signal.throwIfAborted();
    const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
    throw new Error(`${request.method} ${url.split('?')[0] ?? ''}: ${why}`, { cause });
  }
}

/** An object of a JSON text; empty when it is none, so that readers find their fields missing. */
export function jsonObject(text: string): { readonly [field: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as { readonly [field: string]: unknown };
    }
  } catch {
    // an error page, or plain text
  }
  return {};
}

/** What fetch says is in the cause: "fetch failed" alone helps nobody. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}
