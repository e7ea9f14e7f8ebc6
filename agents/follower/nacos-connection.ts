import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage, type NacosMessage } from './nacos-payload.ts';

type Body = { readonly [field: string]: unknown };

export interface NacosGrpcAddress {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly namespace: string;
}

const setUpMs = 5_000;
const requestMs = 3_000;
/** The server answers requests of a connection that it has not registered yet with this code. */
const notRegistered = 301;

/**
 * One gRPC connection as Nacos understands it: the server knows us by the transport, so listeners and registered
 * instances live exactly as long as this object.
 */
export class NacosConnection {
  readonly ended: Promise<Error>;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<NacosMessage, NacosMessage>;
  readonly #push: (type: string, body: Body) => void;
  readonly #headers: () => Promise<{ readonly [name: string]: string }>;
  #end: (why: Error) => void = () => undefined;

  private constructor(
    address: NacosGrpcAddress,
    headers: () => Promise<{ readonly [name: string]: string }>,
    push: (type: string, body: Body) => void,
  ) {
    const target = `${address.host}:${address.port}`;
    // A pool of its own: grpc-js would otherwise put two connections on one transport, and Nacos would see one client.
    this.#client = new Client(
      target,
      address.secure ? credentials.createSsl() : credentials.createInsecure(),
      {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.keepalive_time_ms': 10_000,
        'grpc.keepalive_timeout_ms': 5_000,
      },
    );
    this.#headers = headers;
    this.#push = push;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#stream = this.#client.makeBidiStreamRequest(
      '/BiRequestStream/requestBiStream',
      encodeMessage,
      decodeMessage,
    );
    this.#stream.on('data', (message: NacosMessage) => this.#pushed(message));
    this.#stream.on('error', (cause) => this.#end(new Error(`${target}: ${cause.message}`, { cause })));
    this.#stream.on('end', () => this.#end(new Error(`${target}: the server ended the connection`)));
  }

  /** Connects and waits until the server takes requests. @throws Error when it does not within 5 s */
  static async open(
    address: NacosGrpcAddress,
    headers: () => Promise<{ readonly [name: string]: string }>,
    push: (type: string, body: Body) => void,
  ): Promise<NacosConnection> {
    const connection = new NacosConnection(address, headers, push);
    try {
      await connection.#setUp(address.namespace);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** @throws Error with the server's code and message when it refuses */
  async request(type: string, body: Body): Promise<Body> {
    const answer = await this.#ask(type, body);
    if (answer['resultCode'] === 200) return answer;
    const error = new Error(
      `${type}: Nacos answered ${String(answer['errorCode'])} ${String(answer['message'])}`,
    );
    throw Object.assign(error, { nacosCode: answer['errorCode'] });
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
    this.#end(new Error('closed by us'));
  }

  async #setUp(namespace: string): Promise<void> {
    const deadline = Date.now() + setUpMs;
    await this.#ask('ServerCheckRequest', {}); // also tells whether anybody is there
    const labels = { source: 'sdk', module: 'naming', AppName: 'siteshift' }; // the registry serves this module only
    const setUp = { clientVersion: 'siteshift', tenant: namespace, labels, abilityTable: {} };
    this.#stream.write(await this.#message('ConnectionSetupRequest', setUp));
    for (;;) {
      const answer = await this.#ask('HealthCheckRequest', {});
      if (answer['resultCode'] === 200) return;
      if (answer['errorCode'] !== notRegistered || Date.now() > deadline) {
        throw new Error(`Nacos did not take the connection: ${String(answer['message'])}`);
      }
      await sleep(10);
    }
  }

  async #ask(type: string, body: Body): Promise<Body> {
    const message = await this.#message(type, body);
    const options = { deadline: Date.now() + requestMs };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/Request/request',
        encodeMessage,
        decodeMessage,
        message,
        new Metadata(),
        options,
        (error, answer) => {
          if (answer === undefined)
            reject(new Error(`${type}: ${error?.message ?? 'no answer'}`, { cause: error }));
          else resolve(answer.body);
        },
      );
    });
  }

  /** Every push wants an answer under the same id, or the server takes the client for dead. */
  #pushed(message: NacosMessage): void {
    const { requestId } = message.body;
    if (message.type === 'SetupAckRequest') return; // what the server is able to; nothing here depends on it
    const type = message.type.replace(/Request$/, 'Response');
    void this.#message(type, { requestId, resultCode: 200, errorCode: 0, message: '' }).then((answer) =>
      this.#stream.write(answer),
    );
    if (message.type === 'ConnectResetRequest') this.#end(new Error('Nacos asked to connect again'));
    this.#push(message.type, message.body);
  }

  async #message(type: string, body: Body): Promise<NacosMessage> {
    return { type, headers: await this.#headers(), senderAddress: ownAddress, body };
  }
}

/** Nacos shows it in its lists of listeners. */
const ownAddress =
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address ?? '127.0.0.1';
