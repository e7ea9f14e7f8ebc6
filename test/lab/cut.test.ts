import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startLink, type Link } from '../../lab/process/cut.ts';

let echo: Server;
let link: Link;

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => undefined).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as AddressInfo;
  link = await startLink({ listen: { host: '127.0.0.1', port: 0 }, target: { host: '127.0.0.1', port } });
});
afterEach(async () => {
  await link.close();
  await new Promise((resolve) => echo.close(resolve));
});

test('passes a large stream and its end through unchanged', async () => {
  const sent = randomBytes(3_000_000);
  const socket = await connected();
  socket.end(sent);
  const received = Buffer.concat(await socket.toArray());
  expect(received.equals(sent)).toBe(true);
});

test('a delay counts in both directions and keeps the order when it shrinks', async () => {
  const socket = await connected();
  link.delay(60);
  const start = performance.now();
  socket.write('a');
  await sleep(5);
  link.delay(0);
  socket.write('b');
  expect(await text(socket, 2)).toBe('ab');
  const tookMs = performance.now() - start;
  expect(tookMs).toBeGreaterThanOrEqual(58);

  link.delay(40);
  const second = performance.now();
  socket.write('c');
  expect(await text(socket, 1)).toBe('c');
  expect(performance.now() - second).toBeGreaterThanOrEqual(78);
  socket.destroy();
});

test('a delayed stream loses nothing at its end', async () => {
  link.delay(30);
  const sent = randomBytes(500_000);
  const socket = await connected();
  socket.end(sent);
  expect(Buffer.concat(await socket.toArray()).equals(sent)).toBe(true);
});

test('silence: everything stays open, nothing passes, and healing delivers what was held back', async () => {
  const before = await connected();
  before.write('1');
  expect(await text(before, 1)).toBe('1');
  await link.cut('silence');
  const during = await connected(); // accepted, as by a host behind a firewall that drops
  before.write('2');
  during.write('3');
  const heard: string[] = [];
  for (const socket of [before, during]) socket.on('data', (data: Buffer) => heard.push(data.toString()));
  await sleep(150);
  expect(heard).toEqual([]);
  await link.heal();
  await expect.poll(() => heard.toSorted(), { timeout: 5_000 }).toEqual(['2', '3']);
  before.destroy();
  during.destroy();
});

test('refuse: open connections are reset and new ones refused, until healed', async () => {
  const before = await connected();
  const reset = failure(before);
  await link.cut('refuse');
  expect(await reset).toBe('ECONNRESET');
  expect(await failure(connect(link.listen))).toBe('ECONNREFUSED');
  await link.heal();
  const after = await connected();
  after.write('x');
  expect(await text(after, 1)).toBe('x');
  after.destroy();
});

test('drop: new connections are accepted and reset', async () => {
  await link.cut('drop');
  expect(await failure(connect(link.listen))).toBe('ECONNRESET');
});

async function connected(): Promise<Socket> {
  const socket = connect(link.listen);
  await once(socket, 'connect');
  // A socket that is destroyed with something unread is reset; what a test wants to hear of that it listens for.
  return socket.on('error', () => undefined);
}

async function text(socket: Socket, length: number): Promise<string> {
  let received = '';
  while (received.length < length) received += String(((await once(socket, 'data')) as [Buffer])[0]);
  return received;
}

const failure = (socket: Socket): Promise<string> =>
  new Promise((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')));
