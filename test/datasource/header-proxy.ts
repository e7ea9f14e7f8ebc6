import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands between a step and its Nacos in a test. */
export interface HeaderProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Passes requests on; `headers` may drop some, and paths that `isAbsent` names are answered as an old server would. */
export async function startHeaderProxy(options: {
  readonly target: { readonly host: string; readonly port: number };
  readonly headers?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders;
  readonly isAbsent?: (path: string) => boolean;
}): Promise<HeaderProxy> {
  const { target, headers = (same) => same, isAbsent = () => false } = options;
  const server: Server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    if (isAbsent(path)) {
      outgoing.writeHead(404, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify({ timestamp: '2026-01-01', status: 404, error: 'Not Found', path }));
      incoming.resume();
      return;
    }
    const onward = request(
      { ...target, path, method: incoming.method, headers: headers(incoming.headers) },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/nacos`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
