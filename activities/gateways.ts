import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type {
  GatewayAcknowledgement,
  GatewayRefusal,
  GatewayState,
  InflightAnswer,
  NotInstalled,
  PromiseAnswer,
  PromiseRequest,
} from '../domain/gateway-protocol.ts';
import type { Stamp } from '../domain/operation.ts';
import type { StampedRules } from '../domain/routing.ts';
import type { GatewayParameters } from '../domain/step-parameters.ts';
import type { StepTools } from './tools.ts';

/** The agent beside one gateway. */
export interface GatewayClient {
  readonly name: string;
  state(): Promise<GatewayState>;
  promise(request: PromiseRequest): Promise<PromiseAnswer>;
  /** `notInstalled`: the rules are on its disk, the proxy is not there yet. */
  rules(rules: StampedRules): Promise<GatewayAcknowledgement | { readonly notInstalled: NotInstalled }>;
  /** Writes at a unit that its present rules have not let in; all writes, where the proxy does not tell them apart. */
  earlierWritesInFlight(unit: string): Promise<number>;
}

/** No answer, or none that says anything about the gateway's state: try again, or wait its lease out. */
export class GatewaySilent extends Error {
  override readonly name = 'GatewaySilent';
}

/** The agent is bound to something higher (HTTP 409). */
export class GatewayRefused extends Error {
  override readonly name = 'GatewayRefused';
  readonly gateway: string;
  readonly highest: Stamp;
  constructor(message: string, gateway: string, highest: Stamp) {
    super(message);
    this.gateway = gateway;
    this.highest = highest;
  }
}

/** The agent finds the request itself wrong (HTTP 4xx): repeating it would not help. */
export class GatewayRejected extends Error {
  override readonly name = 'GatewayRejected';
}

const requestTimeoutMs = 1_500;

/** Connects to the agents of all gateways for the time of `act`. */
export async function withGateways<Result>(
  parameters: GatewayParameters,
  tools: StepTools,
  act: (gateways: readonly GatewayClient[]) => Promise<Result>,
): Promise<Result> {
  const tls = parameters.tls === undefined ? {} : await readTls(parameters.tls, tools);
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true, ...tls });
  const clients = Object.entries(parameters.gateways).map(([name, { agent }]) =>
    gatewayClient(name, agent, agent.startsWith('https:') ? https : http, tools.signal),
  );
  try {
    return await act(clients);
  } finally {
    http.destroy();
    https.destroy();
  }
}

async function readTls(tls: NonNullable<GatewayParameters['tls']>, tools: StepTools) {
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map((one) => tools.secret(one)));
  return { ca, cert, key, ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) };
}

interface Reply {
  readonly status: number;
  readonly body: { readonly [field: string]: unknown };
}

function gatewayClient(name: string, base: string, agent: HttpAgent, signal: AbortSignal): GatewayClient {
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<Reply> => {
    const url = new URL(base.replace(/\/$/, '') + path);
    const reply = await exchange(url, method, body, agent, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new GatewaySilent(`does not answer at ${url.origin} (${reasonOf(error)})`, { cause: error });
    });
    if (reply.status === 409) {
      const { error, highest } = reply.body as unknown as GatewayRefusal;
      throw new GatewayRefused(error, name, highest);
    }
    if (reply.status >= 400 && reply.status < 500) {
      throw new GatewayRejected(`gateway ${name}: ${method} ${path}: ${errorIn(reply)}`);
    }
    return reply;
  };
  const ok = ({ status, body }: Reply): unknown => {
    if (status === 200) return body;
    throw new GatewaySilent(`answers HTTP ${status}: ${errorIn({ status, body })}`);
  };
  return {
    name,
    state: async () => {
      const state = ok(await call('GET', '/v1/state')) as GatewayState;
      if (state.gateway === name) return state;
      throw new GatewaySilent(`is not there: ${base} says it is ${state.gateway}`);
    },
    promise: async (request) => ok(await call('POST', '/v1/promise', request)) as PromiseAnswer,
    rules: async (rules) => {
      const reply = await call('POST', '/v1/rules', rules);
      if (reply.status === 503 && typeof reply.body['acceptedEpoch'] === 'number') {
        return { notInstalled: reply.body as unknown as NotInstalled };
      }
      return ok(reply) as GatewayAcknowledgement;
    },
    earlierWritesInFlight: async (unit) => {
      const answer = ok(await call('GET', `/v1/inflight?unit=${encodeURIComponent(unit)}`)) as InflightAnswer;
      return answer.earlier ?? answer.writes;
    },
  };
}

const errorIn = ({ status, body }: Reply): string =>
  typeof body['error'] === 'string' ? body['error'] : `HTTP ${status}`;

function exchange(
  url: URL,
  method: string,
  body: unknown,
  agent: HttpAgent,
  cancelled: AbortSignal,
): Promise<Reply> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(requestTimeoutMs)]);
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const request = send(url, { method, agent, signal, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const status = response.statusCode ?? 0;
        const parsed = parseBody(Buffer.concat(chunks).toString('utf8'));
        if (parsed === undefined) reject(new Error(`HTTP ${status} without JSON`));
        else resolve({ status, body: parsed });
      });
    });
    request.once('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parseBody(text: string): Reply['body'] | undefined {
  try {
    return JSON.parse(text) as Reply['body'];
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `no answer within ${requestTimeoutMs} ms`;
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message;
}
