import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { documentDigestText } from '../../domain/datasource-document.ts';
import {
  checkAcknowledgement,
  checkDocument,
  checkStreamFollower,
  MalformedMessage,
  object,
  seen,
} from '../../domain/datasource-messages.ts';
import type { ConnectedConsumer } from '../../domain/datasource.ts';
import type { CollectorConfig } from './config.ts';
import { DatasourceBoard, type ConsumerStream } from './datasource-board.ts';
import { hasToken, numberOf, readJson, readQuery, RequestRefused } from './request.ts';

const maxBodyBytes = 1024 * 1024;
const maxAcknowledgements = 2_000;
/** On one stream. */
const maxFollowers = 2_000;
const maxDatasources = 1_000;
/** A line of silence: lets a follower tell a quiet collector from a dead one. */
const pingMs = 5_000;
/** A follower that does not read is cut off; it connects again, and is told again. */
const maxUnreadBytes = 256 * 1024;
const maxWaitMs = 30_000;

export interface CollectorLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Collector {
  readonly port: number;
  readonly bootId: string;
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, url: URL, response: ServerResponse) => Promise<object | undefined>;

/** Starts a collector; docs/datasource-follower.md has its messages. */
export async function startCollector(config: CollectorConfig, log: CollectorLog): Promise<Collector> {
  const bootId = randomUUID();
  const boards = new Map<string, DatasourceBoard>();
  const boardOf = (datasource: string): DatasourceBoard => {
    const known = boards.get(datasource);
    if (known !== undefined) return known;
    if (boards.size >= maxDatasources) {
      throw new RequestRefused(
        507,
        `datasource ${datasource}: ${maxDatasources} datasources are held already`,
      );
    }
    const board = new DatasourceBoard(datasource);
    boards.set(datasource, board);
    return board;
  };
  const handlers = routes(boardOf, bootId);
  const server = createServer((request, response) => {
    void answer(request, response, handlers, config, log);
  });
  server.requestTimeout = 30_000;
  server.keepAliveTimeout = 65_000; // longer than the callers keep theirs: they must not write into a closing one
  await listen(server, config);
  return {
    port: (server.address() as AddressInfo).port,
    bootId,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function routes(
  boardOf: (datasource: string) => DatasourceBoard,
  bootId: string,
): {
  readonly [route: string]: {
    readonly by: 'anybody' | 'consumer' | 'orchestrator';
    readonly handle: Handler;
  };
} {
  return {
    'GET /v1/health': { by: 'anybody', handle: async () => ({ bootId }) },
    'POST /v1/stream': {
      by: 'consumer',
      handle: async (request, _url, response) => {
        const body = object(await readJson(request, 'body', maxBodyBytes), 'body');
        const given = body['followers'];
        if (!Array.isArray(given) || given.length === 0 || given.length > maxFollowers) {
          throw new MalformedMessage(
            `body: followers: expected a list of 1 to ${maxFollowers}, seen ${seen(given)}`,
          );
        }
        const followers = given.map(checkStreamFollower);
        const boards = new Map<DatasourceBoard, ConnectedConsumer[]>();
        for (const { datasource, consumer, site } of followers) {
          const board = boardOf(datasource);
          boards.set(board, [...(boards.get(board) ?? []), { consumer, site }]);
        }
        openStream(response, boards);
        return undefined;
      },
    },
    'POST /v1/acknowledgements': {
      by: 'consumer',
      handle: async (request) => {
        const body = object(await readJson(request, 'body', maxBodyBytes), 'body');
        const given = body['acknowledgements'];
        if (!Array.isArray(given) || given.length > maxAcknowledgements) {
          throw new MalformedMessage(
            `body: acknowledgements: expected a list of at most ${maxAcknowledgements}, seen ${seen(given)}`,
          );
        }
        const checked = given.map(checkAcknowledgement); // all or none
        for (const one of checked) boardOf(one.datasource).acknowledge(one);
        return { taken: checked.length };
      },
    },
    'GET /v1/acknowledgements': {
      by: 'orchestrator',
      handle: async (_request, url, response) => {
        const query = readQuery(url, ['datasource', 'epoch'], ['since', 'boot', 'waitMs']);
        const gone = new AbortController();
        response.on('close', () => gone.abort());
        // Sequences start anew with every boot: what an asker counted before says nothing now.
        const since = query['boot'] === bootId ? numberOf(query, 'since', 0) : 0;
        const waitMs = Math.min(numberOf(query, 'waitMs', 0), maxWaitMs);
        const ask = { epoch: numberOf(query, 'epoch', 0), since, waitMs, signal: gone.signal };
        return { bootId, ...(await boardOf(query.datasource).since(ask)) };
      },
    },
    'GET /v1/consumers': {
      by: 'orchestrator',
      handle: async (_request, url) => {
        const { datasource } = readQuery(url, ['datasource'], []);
        return { bootId, consumers: boardOf(datasource).connected };
      },
    },
    'POST /v1/documents': {
      by: 'orchestrator',
      handle: async (request) => {
        const body = object(await readJson(request, 'body', maxBodyBytes), 'body');
        const document = checkDocument(body['document']);
        const to = body['to'];
        if (to !== undefined && !(Array.isArray(to) && to.every((one) => typeof one === 'string'))) {
          throw new MalformedMessage(`body: to: expected a list of consumer names, seen ${seen(to)}`);
        }
        const digest = createHash('sha256').update(documentDigestText(document)).digest('hex');
        const verdict = boardOf(document.datasource).hand(document, digest, to);
        if (verdict.kind === 'refused')
          throw new RequestRefused(409, verdict.reason, { highest: verdict.highest });
        return { handed: verdict.handed, connected: verdict.connected };
      },
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: ReturnType<typeof routes>,
  config: CollectorConfig,
  log: CollectorLog,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://collector');
    const route = handlers[`${request.method} ${url.pathname}`];
    if (route === undefined)
      throw new RequestRefused(404, `no such request: ${request.method} ${url.pathname}`);
    const allowed = route.by === 'consumer' ? [config.token, config.consumerToken] : [config.token];
    if (route.by !== 'anybody' && config.token !== undefined && !hasToken(request, allowed)) {
      throw new RequestRefused(401, `${request.method} ${url.pathname}: expected the ${route.by}'s token`);
    }
    const body = await route.handle(request, url, response);
    if (body !== undefined) send(response, 200, body);
  } catch (error) {
    const status =
      error instanceof RequestRefused ? error.status : error instanceof MalformedMessage ? 400 : 500;
    const message = status === 500 ? 'the collector failed; its log says why' : (error as Error).message;
    if (status === 500) log.warn({ error: String(error), path: request.url }, 'request failed');
    send(response, status, { error: message, ...(error instanceof RequestRefused ? error.body : {}) });
    // The rest of a body that nobody will read: the connection ends once the answer is out.
    if (!request.complete) response.once('finish', () => request.destroy());
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** One JSON value a line: {"document":…,"to":[…]} or {"ping":milliseconds since 1970}. Ends only with the connection. */
function openStream(
  response: ServerResponse,
  boards: ReadonlyMap<DatasourceBoard, readonly ConnectedConsumer[]>,
): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.socket?.setNoDelay(true);
  const stream: ConsumerStream = {
    send: (line) => {
      response.write(`${line}\n`);
      if (response.writableLength > maxUnreadBytes) response.destroy();
    },
  };
  const pingOnce = () => stream.send(JSON.stringify({ ping: Date.now() }));
  pingOnce();
  const ping = setInterval(pingOnce, pingMs);
  const disconnects = [...boards].map(([board, followers]) => board.connect(followers, stream));
  response.on('close', () => {
    clearInterval(ping);
    for (const disconnect of disconnects) disconnect();
  });
}

function listen(server: Server, config: CollectorConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`collector: cannot listen on ${config.host}:${config.port}`, { cause })),
    );
    server.listen(config.port, config.host, 1024, () => resolve());
  });
}
