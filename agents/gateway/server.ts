import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { NotInstalledYet, Refused } from './agent.ts';
import { HttpProblem, type Answer, type Routes } from './routes.ts';
import type { TlsFiles } from './tls.ts';

/** A table of 10,000 buckets with the longest unit names stays below. */
const largestBodyBytes = 1024 * 1024;

export async function startServer(options: {
  readonly gateway: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: TlsFiles | undefined;
  readonly routes: Routes;
  readonly log: Logger;
}): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { gateway, listen, tls, routes, log } = options;
  const listener: RequestListener = (request, response) => {
    void answerTo(request, routes, gateway, log).then(({ status, body }) => {
      const text = `${JSON.stringify(body)}\n`;
      // What was not read of a refused body must not be taken for the next request.
      const headers = request.complete ? {} : { connection: 'close' };
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(text);
    });
  };
  const server: Server =
    tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: true }, listener);
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerTo(
  request: IncomingMessage,
  routes: Routes,
  gateway: string,
  log: Logger,
): Promise<Answer> {
  try {
    const url = new URL(request.url ?? '/', 'http://agent');
    const route = routes[url.pathname];
    if (route === undefined) throw new HttpProblem(404, `no such path ${url.pathname.slice(0, 100)}`);
    if (request.method !== route.method) {
      throw new HttpProblem(405, `${url.pathname} expects ${route.method}, seen ${request.method}`);
    }
    const body = route.method === 'POST' ? await readJson(request) : undefined;
    return { status: 200, body: await route.answer(url.searchParams, body) };
  } catch (error) {
    return problemAnswer(error, gateway, log);
  }
}

function problemAnswer(error: unknown, gateway: string, log: Logger): Answer {
  const message = error instanceof Error ? error.message : String(error);
  log.warn({ error: message }, 'request refused');
  if (error instanceof HttpProblem) return { status: error.status, body: { gateway, error: message } };
  if (error instanceof Refused)
    return { status: 409, body: { gateway, error: message, highest: error.highest } };
  if (error instanceof NotInstalledYet)
    return { status: 503, body: { gateway, error: message, ...error.accepted } };
  return { status: 503, body: { gateway, error: message } };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBodyBytes) {
      throw new HttpProblem(413, `expected a body of at most ${largestBodyBytes} bytes, seen more`);
    }
    chunks.push(chunk);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new HttpProblem(400, 'expected a body in UTF-8, seen other bytes');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpProblem(400, `expected a JSON body, seen ${JSON.stringify(text.slice(0, 40))}`);
  }
}
