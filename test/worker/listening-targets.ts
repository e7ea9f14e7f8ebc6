import { createServer, type AddressInfo, type Server } from 'node:net';
import { validInventory } from '../schema/valid-texts.ts';

/** Something listens at every address of an inventory, and writes down who came. Nobody is answered. */
export interface ListeningTargets {
  /** The inventory of the tests' tables with these addresses in it. */
  readonly inventory: string;
  /** What was asked since the last look: the first line of each request, or that somebody connected. */
  taken(): readonly string[];
  close(): void;
}

const addresses = /(host: [a-z0-9.]+, port: \d+)|(http:\/\/[a-z0-9.]+(?::\d+)?)/g;

export async function listenAtTargets(): Promise<ListeningTargets> {
  const calls: string[] = [];
  const servers: Server[] = [];
  const places = new Map<string, string>();
  for (const [address] of validInventory.matchAll(addresses)) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => {
        calls.push(bytes.toString('latin1').split('\r\n')[0] ?? '');
        socket.destroy();
      });
      // A database speaks first; whoever waits for that has not asked anything.
      setTimeout(() => socket.destroy(), 200);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    places.set(
      address,
      address.startsWith('host') ? `host: 127.0.0.1, port: ${port}` : `http://127.0.0.1:${port}`,
    );
  }
  return {
    inventory: validInventory.replaceAll(addresses, (address) => places.get(address) ?? address),
    taken: () => calls.splice(0),
    close: () => servers.forEach((server) => server.close()),
  };
}
