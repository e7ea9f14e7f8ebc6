import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { exchange } from '../../activities/kubernetes/exchange.ts';
import { makeClient } from '../../activities/kubernetes/client.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server on one connection: what comes second waits for the first. */
async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pool = new Pool(url, { connections: 1, pipelining: 1 });
  closing.push(
    () => pool.destroy(),
    async () => {
      server.closeAllConnections();
      server.close();
    },
  );
  return { pool, url };
}

const get = { method: 'GET', path: '/' } as const;

describe('one exchange with a server', () => {
  it('is the last answer, whole, in whatever pieces it comes', async () => {
    const euro = Buffer.from('a €');
    const { pool } = await serve((_, answer) => {
      answer.writeEarlyHints({ link: '</a>; rel=preload' });
      answer.writeHead(429, { 'retry-after': '7' });
      answer.write(euro.subarray(0, 3)); // in the middle of a character
      setImmediate(() => answer.end(euro.subarray(3)));
    });
    expect(await exchange(pool, get)).toEqual({ code: 429, text: 'a €', retryAfter: 7 });
  });

  it('fails when the answer breaks off', async () => {
    const { pool } = await serve((_, answer) => {
      answer.writeHead(200, { 'content-length': '10' });
      answer.write('half', () => answer.destroy());
    });
    await expect(exchange(pool, get)).rejects.toThrow(/closed|terminated|reset/);
  });

  it('ends with the reason of its signal: before it, in the queue and in flight', async () => {
    const asked: string[] = [];
    const { pool } = await serve(({ url }, answer) => {
      asked.push(url ?? '');
      if (url === '/after') answer.end('here');
    });
    await expect(exchange(pool, get, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    const [inFlight, queued] = [new AbortController(), new AbortController()];
    const first = exchange(pool, { ...get, path: '/first' }, inFlight.signal);
    const second = exchange(pool, { ...get, path: '/second' }, queued.signal);
    const after = exchange(pool, { ...get, path: '/after' });
    queued.abort(new Error('not any more'));
    await expect(second).rejects.toThrow('not any more');
    while (!asked.includes('/first')) await new Promise((resolve) => setTimeout(resolve, 5));
    inFlight.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(await after).toMatchObject({ code: 200, text: 'here' });
    expect(asked).toEqual(['/first', '/after']);
  });

  it('reaches a cluster that lives below a path of its server', async () => {
    const { url } = await serve(({ url }, answer) => void answer.end(`"${url}"`));
    const access = { server: `${url}/clusters/west/`, tls: {}, headers: async () => ({}) };
    const client = makeClient('west', access, 1);
    expect((await client.send({ method: 'GET', path: '/api/v1/nodes?limit=1' })).text).toBe(
      '"/clusters/west/api/v1/nodes?limit=1"',
    );
    await client.close();
  });
});
