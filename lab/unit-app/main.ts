import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import pino from 'pino';
import { createFollowingPool, type FollowingPool } from '../../agents/follower/following-pool.ts';
import type { FollowerOptions } from '../../agents/follower/options.ts';
import { userHeader } from '../sites/layout.ts';
import { WriteHandler, type Queries, type WriteAnswer, type WriteRequest } from './write-handler.ts';

/** JSON file named by the first argument. */
export interface AppConfig {
  readonly name: string;
  readonly unit: string;
  readonly site: string;
  readonly port: number;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string;
  readonly commitLog: string;
  readonly followers: readonly FollowerOptions[];
}

const [configFile] = process.argv.slice(2);
if (configFile === undefined)
  throw new Error('lab/unit-app/main.ts: expected the path of a JSON config, saw no argument');
const config = JSON.parse(readFileSync(configFile, 'utf8')) as AppConfig;
const log = pino({ name: config.name });

// What any application would do: a pool by the name of its datasource. Which server that is, it never asks.
const pools = new Map<string, FollowingPool>(
  config.followers.map((options) => [options.datasource, createFollowingPool({ ...options, log })]),
);
const queries = new Map<string, Queries>(
  [...pools].map(([name, pool]) => [name, { query: (sql, values) => pool.query(sql, [...values] as never) }]),
);
const handler = new WriteHandler(config.unit, queries, config.commitLog);

const server = createServer((request, response) => {
  void answer(request).then(
    ({ status, text }) => {
      const { epoch } = routingOf(request);
      response.writeHead(status, {
        'x-served-by': config.unit,
        'x-served-epoch': String(epoch),
        'content-type': 'text/plain',
      });
      response.end(text);
    },
    (error: unknown) => {
      response.writeHead(400, { 'x-served-by': config.unit });
      response.end(String(error));
    },
  );
});
server.keepAliveTimeout = 60_000;
server.listen(config.port, config.host ?? '127.0.0.1', () =>
  log.info({ port: config.port, unit: config.unit }, 'unit application is listening'),
);

async function answer(request: IncomingMessage): Promise<{ status: number; text: string }> {
  if (request.method === 'GET') return { status: 200, text: config.unit };
  const write = JSON.parse(await readBody(request)) as WriteRequest | { readonly probe: true };
  return 'probe' in write ? probe(request) : handler.handle(write, routingOf(request));
}

/** The inventory's probe: a real write to every datasource, in the name of the user who asks. */
async function probe(request: IncomingMessage): Promise<WriteAnswer> {
  const user = String(request.headers[userHeader]);
  let last: WriteAnswer = { status: 404, text: 'no datasource' };
  for (const datasource of pools.keys()) {
    last = await handler.handle(
      { user, seq: Date.now() * 1_000 + Math.floor(Math.random() * 1_000), datasource },
      routingOf(request),
    );
    if (last.status !== 200) return last;
  }
  return last;
}

function routingOf(request: IncomingMessage): { unit: string; epoch: number; bucket: number } {
  const { headers } = request;
  return {
    unit: String(headers['x-unit'] ?? ''),
    epoch: Number(headers['x-epoch'] ?? 0),
    bucket: Number(headers['x-bucket'] ?? -1),
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void Promise.allSettled([...pools.values()].map((pool) => pool.end())).then(() => process.exit(0));
});
