import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** Connections to one server, kept and used again by everything in this process that talks to it. */
export interface HttpConnections {
  readonly agent: HttpAgent | HttpsAgent;
  destroy(): void;
}

export function keepConnections(url: string, maxSockets: number): HttpConnections {
  const settings = { keepAlive: true, keepAliveMsecs: 5_000, maxSockets, timeout: 60_000 };
  const agent = url.startsWith('https:') ? new HttpsAgent(settings) : new HttpAgent(settings);
  return { agent, destroy: () => agent.destroy() };
}

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
  readonly agent?: HttpAgent | HttpsAgent;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** One request, the whole answer. @throws Error that names the request when no answer came within `timeoutMs` */
export async function callHttp(call: HttpCall & { readonly timeoutMs: number }): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(call.timeoutMs);
  const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
  try {
    const response = await open({ ...call, signal });
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) text += chunk;
    return { status: response.statusCode ?? 0, text };
  } catch (cause) {
    const why = timeout.aborted ? `no answer within ${call.timeoutMs} ms` : reasonOf(cause);
    throw new Error(`${call.method} ${withoutQuery(call.url)}: ${why}`, { cause });
  }
}

/**
 * One request whose answer is lines without end. Returns when the server ends it; throws when the connection fails,
 * when the status is not 200, or when nothing came for `silenceMs`.
 */
export async function readLines(
  call: HttpCall & { readonly silenceMs: number; readonly opened: () => void },
  line: (text: string) => void,
): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), call.silenceMs);
  const signal = call.signal === undefined ? silence.signal : AbortSignal.any([call.signal, silence.signal]);
  try {
    const response = await open({ ...call, signal });
    response.socket.setKeepAlive(true, 5_000);
    response.setEncoding('utf8');
    let rest = '';
    if (response.statusCode === 200) call.opened();
    for await (const chunk of response as AsyncIterable<string>) {
      timer.refresh();
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (response.statusCode !== 200) break;
      for (const text of lines) if (text !== '') line(text);
    }
    if (response.statusCode !== 200)
      throw new Error(`expected status 200, seen ${response.statusCode} ${rest}`);
  } catch (cause) {
    const why = silence.signal.aborted ? `nothing came for ${call.silenceMs} ms` : reasonOf(cause);
    throw new Error(`${call.method} ${withoutQuery(call.url)}: ${why}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function open(call: HttpCall & { readonly signal: AbortSignal }): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request: ClientRequest = (call.url.startsWith('https:') ? httpsRequest : httpRequest)(call.url, {
      method: call.method,
      agent: call.agent,
      signal: call.signal,
      headers: {
        ...call.headers,
        ...(call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) }),
      },
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.setNoDelay(true);
    request.end(call.body);
  });
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

/** Queries and error texts: some servers want a token in the query. */
const withoutQuery = (url: string): string => url.split('?')[0] ?? url;
