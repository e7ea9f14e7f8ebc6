import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { piecesOf } from '../../activities/kubernetes/s3-download.ts';
import { openBucket } from '../../activities/kubernetes/s3.ts';
import type { S3Settings } from '../../domain/schema/kubernetes.ts';
import { stepTools } from './step-tools.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A bucket whose store answers so, and the ranges that it was asked for. */
async function bucketOf(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const ranges: string[] = [];
  const server = createServer((request, response) => {
    ranges.push(`${request.headers.range ?? 'all'} ${request.headers['if-match'] ?? ''}`.trim());
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const settings = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'backups',
    prefix: '',
    accessKey: 'env:A',
    secretKey: 'env:B',
  } as S3Settings;
  const bucket = await openBucket(settings, { ...stepTools(), secret: async () => 'secret' });
  return { bucket, ranges };
}

const content = Buffer.from('0123456789abcdef'.repeat(1_000));

/** Sends what is asked for, and breaks off after so many bytes. */
function sendPart(request: IncomingMessage, response: ServerResponse, most: number, etag: string): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = content.subarray(from);
  response.writeHead(from === 0 ? 200 : 206, { 'content-length': rest.length, etag });
  if (rest.length <= most) response.end(rest);
  else response.write(rest.subarray(0, most), () => setTimeout(() => response.destroy(), 20));
}

describe('an object of a bucket', () => {
  it('is fetched in pieces when connections break, none of them twice', async () => {
    const { bucket, ranges } = await bucketOf((request, response) =>
      sendPart(request, response, 6_000, '"one"'),
    );
    expect((await bucket.get('archive'))?.body.equals(content)).toBe(true);
    expect(ranges).toEqual(['all', 'bytes=6000- "one"', 'bytes=12000- "one"']);
  });

  it('is fetched anew when it was replaced in between', async () => {
    let asked = 0;
    const { bucket, ranges } = await bucketOf((request, response) => {
      asked += 1;
      if (asked === 2) response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
      else sendPart(request, response, asked === 1 ? 6_000 : content.length, `"${asked}"`);
    });
    expect((await bucket.get('archive'))?.body.equals(content)).toBe(true);
    expect(ranges).toEqual(['all', 'bytes=6000- "1"', 'all']);
  });

  it('is whole although the store knows no ranges', async () => {
    let asked = 0;
    const { bucket } = await bucketOf((_, response) => {
      asked += 1;
      response.writeHead(200, { 'content-length': content.length, etag: '"one"' });
      if (asked > 1) response.end(content);
      else response.write(content.subarray(0, 6_000), () => setTimeout(() => response.destroy(), 20));
    });
    expect((await bucket.get('archive'))?.body.equals(content)).toBe(true);
  });

  it('is given up when each attempt breaks at the same place, however often the store sends it again', async () => {
    let [renewed, waited] = [0, 0];
    async function* broken() {
      yield content.subarray(0, 6_000);
      throw new Error('reset');
    }
    const answer = () => ({ status: 200, etag: '"one"', body: broken(), discard: async () => undefined });
    const patience = {
      renew: () => void (renewed += 1),
      after: async (error: unknown) => {
        waited += 1;
        if (waited === 3) throw error;
      },
    };
    const pieces: Buffer[] = [];
    const all = async () => {
      for await (const piece of piecesOf(answer(), async () => answer(), patience)) pieces.push(piece);
    };
    await expect(all()).rejects.toThrow('reset');
    expect([pieces.length, renewed]).toEqual([1, 1]);
  });

  it('ends in the middle when it is replaced, for whoever reads it in pieces', async () => {
    let asked = 0;
    const { bucket, ranges } = await bucketOf((request, response) => {
      asked += 1;
      if (asked === 2) response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
      else sendPart(request, response, 6_000, '"one"');
    });
    const { pieces } = (await bucket.read('archive')) ?? { pieces: [] };
    let arrived = 0;
    const all = async () => {
      for await (const piece of pieces) arrived += piece.length;
    };
    await expect(all()).rejects.toThrow('was replaced while it was read');
    expect([arrived, ...ranges]).toEqual([6_000, 'all', 'bytes=6000- "one"']);
  });

  it('is not sent faster than it is read, and no further when nobody reads on', async () => {
    const large = Buffer.alloc(2 ** 20);
    let sent = 0;
    let isClosed = false;
    const { bucket } = await bucketOf((_, response) => {
      response.on('close', () => (isClosed = true));
      response.writeHead(200, { 'content-length': 256 * large.length, etag: '"one"' });
      const more = () => {
        for (let goesOn = true; goesOn && sent < 256 * large.length;) {
          sent += large.length;
          goesOn = !isClosed && response.write(large);
        }
      };
      response.on('drain', more);
      more();
    });
    const { pieces } = (await bucket.read('archive')) ?? { pieces: [] };
    let read = 0;
    let most = 0;
    for await (const piece of pieces) {
      read += piece.length;
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      most = Math.max(most, sent - read);
      if (read > 8 * large.length) break;
    }
    await expect.poll(() => isClosed).toBe(true);
    expect(most).toBeLessThan(64 * large.length); // the rest is what two sockets hold
    expect(sent).toBeLessThan(128 * large.length);
  });
});
