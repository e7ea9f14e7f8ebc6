import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Json } from '../../domain/json.ts';

export interface HookCall {
  readonly action: string;
  readonly step: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: { readonly [key: string]: Json };
}

type HookAnswer = { readonly status?: number; readonly body: Json };

/** A user's hook: a real HTTP server whose answers the test gives. */
export async function startHookServer(answer: (call: HookCall) => Promise<HookAnswer> | HookAnswer) {
  const calls: HookCall[] = [];
  const answerOne = async (request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.parse(await text(request)) as HookCall['body'];
    const { action, step } = body as { readonly action: string; readonly step: string };
    const call = { action, step, headers: request.headers, body };
    calls.push(call);
    const { status = 200, body: answered } = await answer(call);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof answered === 'string' ? answered : JSON.stringify(answered));
  };
  const server = createServer((request, response) => void answerOne(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    calls,
    url: `http://127.0.0.1:${port}/hook`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
