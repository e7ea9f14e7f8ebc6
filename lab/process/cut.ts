import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { pump, type Pump } from './delayed-pump.ts';
import { endsOf, type Ends } from './socket-owners.ts';

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
  /** Asks `pathFor` again for every open connection. */
  follow(): void;
  /** Every open connection. */
  connections(): readonly Ends[];
  close(): Promise<void>;
}

/** What a connection meets on its way; a delay is added to each direction. */
export interface Path {
  readonly mode: CutMode | 'open';
  readonly delayMs: number;
}

export const openPath: Path = { mode: 'open', delayMs: 0 };

interface Connection {
  readonly client: Socket;
  /** Tells connections apart by who made them. */
  readonly ends: Ends;
  upstream: Socket | undefined;
  pumps: readonly Pump[];
  delayMs: number;
}

/**
 * A path between two parts of the lab that can be cut and slowed down. Port 0 takes a free one.
 * @param options.pathFor a path for each connection instead of one for all of them; asked at its beginning and at
 *   `follow`; until the answer is there nothing passes. It cannot refuse, because who connects is known only after that: there `refuse` means `drop`.
 */
export async function startLink(options: {
  readonly listen: Endpoint;
  readonly target: Endpoint;
  readonly pathFor?: (connection: Ends) => Path | Promise<Path>;
}): Promise<Link> {
  const { target } = options;
  const connections = new Set<Connection>();
  let path: Path = openPath;
  const pathFor = options.pathFor ?? (() => path);

  const follow = (connection: Connection) => {
    const found = pathFor(connection.ends);
    if (!('then' in found)) lead(connection, found);
    else
      void found.then((known) => {
        if (!connection.client.destroyed) lead(connection, known);
      });
  };
  const lead = (connection: Connection, { mode, delayMs }: Path) => {
    connection.delayMs = delayMs;
    if (mode === 'silence') connection.pumps.forEach((each) => each.hold());
    else if (mode !== 'open') reset(connection);
    else if (connection.upstream === undefined) join(connection, target);
    else connection.pumps.forEach((each) => each.release());
  };
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
    const ends = endsOf(client.remotePort ?? 0, client.localPort ?? 0);
    const connection: Connection = { client, ends, upstream: undefined, pumps: [], delayMs: 0 };
    connections.add(connection);
    client.once('close', () => connections.delete(connection));
    client.on('error', () => connection.upstream?.resetAndDestroy());
    follow(connection);
  });
  const listen = await startListening(server, options.listen);
  const stopListening = () =>
    server.listening ? new Promise<void>((resolve) => server.close(() => resolve())) : Promise.resolve();

  return {
    listen,
    target,
    cut: async (mode) => {
      path = { ...path, mode };
      connections.forEach(follow);
      if (mode === 'refuse') await stopListening();
      else if (!server.listening) await startListening(server, listen);
    },
    heal: async () => {
      path = { ...path, mode: 'open' };
      if (!server.listening) await startListening(server, listen);
      connections.forEach(follow);
    },
    delay: (delayMs) => {
      path = { ...path, delayMs };
      for (const connection of connections) connection.delayMs = delayMs;
    },
    follow: () => connections.forEach(follow),
    connections: () => [...connections].map(({ ends }) => ends),
    close: async () => {
      connections.forEach(reset);
      await stopListening();
    },
  };
}

function reset({ client, upstream }: Connection): void {
  client.resetAndDestroy();
  upstream?.resetAndDestroy();
}

/** Connects an accepted connection to the target; nothing is read from the client before. */
function join(connection: Connection, target: Endpoint): void {
  const { client } = connection;
  const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
  connection.upstream = upstream;
  client.setNoDelay(true);
  upstream.on('error', () => client.resetAndDestroy());
  const delayMs = () => connection.delayMs;
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
