import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { endsOf, ownersOf } from '../../lab/process/socket-owners.ts';

const client = `
const [port, localPort] = process.argv.slice(1).map(Number);
require('node:net').connect({ port, localPort, host: '127.0.0.1' }).on('error', () => undefined);
`;

const servers: Server[] = [];
const children: ChildProcess[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const socket of sockets) socket.destroy();
  for (const server of servers.filter(({ listening }) => listening))
    await new Promise((resolve) => server.close(resolve));
});

test('two connections from the same port to different servers have each their own owner', async () => {
  const unused = await listen();
  const localPort = portOf(unused);
  await new Promise((resolve) => unused.close(resolve));
  const one = await connectFrom(localPort, await listen());
  const other = await connectFrom(localPort, await listen());

  const owners = [
    { name: 'one', pid: one.pid },
    { name: 'other', pid: other.pid },
  ];
  const expected = new Map([
    [endsOf(localPort, one.port), 'one'],
    [endsOf(localPort, other.port), 'other'],
  ]);
  expect(ownersOf([...expected.keys()], owners)).toEqual(expected);
  expect(ownersOf([...expected.keys()], owners.slice(1)).size).toBe(1);
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function listen(): Promise<Server> {
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A connection of a process that has a group of its own, as the lab's parts have it. */
async function connectFrom(localPort: number, server: Server): Promise<{ pid: number; port: number }> {
  const port = portOf(server);
  const child = spawn(process.execPath, ['-e', client, String(port), String(localPort)], {
    stdio: 'inherit',
    detached: true,
  });
  children.push(child);
  await once(server, 'connection');
  return { pid: child.pid ?? 0, port };
}
