import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { pump, type Pump } from './delayed-pump.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * How a path is cut.
 * - `refuse`: nobody listens and open connections are reset, as when the host answers but the process is gone.
 * - `drop`: connections are accepted and reset at once, as behind a proxy without a backend.
 * - `silence`: everything stays open and nothing passes, as in a partition; only time-outs notice it.
 */
export type CutMode = 'refuse' | 'drop' | 'silence';

export interface Link {
  readonly listen: Endpoint;
  readonly target: Endpoint;
  cut(mode: CutMode): Promise<void>;
  /** After `silence` what was held back is delivered, as after a short partition. */
  heal(): Promise<void>;
  /** Adds this time to each direction; the round trip grows by twice as much. */
  delay(ms: number): void;
  connections(): number;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  upstream: Socket | undefined;
  pumps: readonly Pump[];
}

/** A path between two parts of the lab that can be cut and slowed down. Port 0 takes a free one. */
export async function startLink(options: {
  readonly listen: Endpoint;
  readonly target: Endpoint;
}): Promise<Link> {
  const { target } = options;
  const connections = new Set<Connection>();
  let mode: CutMode | 'open' = 'open';
  let delayMs = 0;
  const delay = () => delayMs;

  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
    if (mode === 'drop') {
      client.resetAndDestroy();
      return;
    }
    const connection: Connection = { client, upstream: undefined, pumps: [] };
    connections.add(connection);
    client.once('close', () => connections.delete(connection));
    client.on('error', () => connection.upstream?.resetAndDestroy());
    if (mode === 'open') join(connection, target, delay);
  });
  const listen = await startListening(server, options.listen);

  const resetAll = () => {
    for (const { client, upstream } of connections) {
      client.resetAndDestroy();
      upstream?.resetAndDestroy();
    }
  };
  const stopListening = () =>
    server.listening ? new Promise<void>((resolve) => server.close(() => resolve())) : Promise.resolve();

  return {
    listen,
    target,
    cut: async (wanted) => {
      mode = wanted;
      if (wanted === 'silence') connections.forEach((one) => one.pumps.forEach((each) => each.hold()));
      else resetAll();
      if (wanted === 'refuse') await stopListening();
      else if (!server.listening) await startListening(server, listen);
    },
    heal: async () => {
      mode = 'open';
      if (!server.listening) await startListening(server, listen);
      for (const connection of connections) {
        if (connection.upstream === undefined) join(connection, target, delay);
        else connection.pumps.forEach((each) => each.release());
      }
    },
    delay: (ms) => {
      delayMs = ms;
    },
    connections: () => connections.size,
    close: async () => {
      mode = 'drop';
      resetAll();
      await stopListening();
    },
  };
}

/** Connects an accepted connection to the target; nothing is read from the client before. */
function join(connection: Connection, target: Endpoint, delayMs: () => number): void {
  const { client } = connection;
  const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
  connection.upstream = upstream;
  client.setNoDelay(true);
  upstream.on('error', () => client.resetAndDestroy());
  // No handlers for an orderly close: each pump passes the end on when what is ahead of it was delivered.
  connection.pumps = [
    pump({ from: client, to: upstream, delayMs }),
    pump({ from: upstream, to: client, delayMs }),
  ];
}

async function startListening(server: Server, at: Endpoint): Promise<Endpoint> {
  server.listen(at.port, at.host);
  await once(server, 'listening'); // rejects on 'error'
  return { host: at.host, port: (server.address() as AddressInfo).port };
}
