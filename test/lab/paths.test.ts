import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPaths, type Paths } from '../../lab/process/paths.ts';

// Two clients in processes of their own, each with one connection through the same front to one echo server.
const client = `
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
socket.on('error', (error) => console.log(error.code)).on('data', (data) => console.log(String(data)));
process.stdin.on('data', (data) => socket.write(data));
`;

interface Client {
  readonly child: ChildProcess;
  readonly lines: Interface;
  say(word: string): Promise<string>;
}

let echo: Server;
let paths: Paths;
let front: number;
let clients: Readonly<Record<'one' | 'other', Client>>;

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  paths = openPaths(
    () => Promise.resolve(0),
    () => Object.entries(clients).map(([name, { child }]) => ({ name, pid: child.pid ?? 0 })),
  );
  front = await paths.front('echo', (echo.address() as AddressInfo).port);
  clients = { one: startClient(front), other: startClient(front) };
});
afterEach(async () => {
  for (const { child } of Object.values(clients)) child.kill('SIGKILL');
  await paths.close();
  await new Promise((resolve) => echo.close(resolve));
});

test('a cut meets the connections of one process only, those that stand and new ones', async () => {
  expect(await clients.one.say('a')).toBe('a');
  expect(await clients.other.say('b')).toBe('b');

  paths.set(['one'], 'echo', { mode: 'silence' });
  const silenced = clients.one.say('held');
  expect(await clients.other.say('c')).toBe('c');
  expect(await Promise.race([silenced, clients.other.say('d')])).toBe('d');
  paths.clear();
  expect(await silenced).toBe('held');

  paths.set(['other'], 'echo', { mode: 'drop' });
  expect(await nextLine(clients.other)).toBe('ECONNRESET');
  expect(await clients.one.say('e')).toBe('e');
});

test('a connection that is made during a cut is told apart, too', async () => {
  expect(await clients.one.say('a')).toBe('a');
  clients.other.child.kill('SIGKILL');
  const late = startClient(front);
  clients = { ...clients, other: late };
  paths.set(['other'], 'echo', { mode: 'drop' });
  expect(await nextLine(late)).toBe('ECONNRESET');
  expect(await clients.one.say('b')).toBe('b');
  expect(paths.rules()).toEqual(['other -> echo: drop, 0 ms']);
});

test('a delay adds to the round trip of one process', async () => {
  await clients.one.say('a');
  paths.set(['one'], 'echo', { delayMs: 60 });
  const startedAt = performance.now();
  await clients.one.say('b');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(118);
});

function startClient(port: number): Client {
  const child = spawn(process.execPath, ['-e', client, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // a process group of its own, as the lab's parts have it
  });
  const lines = createInterface({ input: child.stdout });
  const started: Client = {
    child,
    lines,
    say: async (word) => {
      child.stdin.write(word);
      return nextLine(started);
    },
  };
  return started;
}

async function nextLine({ lines }: Client): Promise<string> {
  const [line] = (await once(lines, 'line')) as [string];
  return line;
}
