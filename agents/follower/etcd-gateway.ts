import { callHttp, keepConnections, readLines, type HttpConnections } from './http-client.ts';

export interface EtcdAccess {
  readonly endpoints: readonly string[];
  /** Resolved when it is needed. */
  readonly login?: () => Promise<{ readonly name: string; readonly password: string }>;
}

export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

/** etcd's HTTP/JSON gateway: 64-bit numbers are texts in it, keys and values base64. Tries the endpoints in turn. */
export class EtcdGateway {
  readonly #access: EtcdAccess;
  readonly #connections: HttpConnections;
  #endpoint = 0;
  #token: Promise<string> | undefined;

  constructor(access: EtcdAccess) {
    this.#access = access;
    this.#connections = keepConnections(access.endpoints[0] ?? '', 32);
  }

  /** One call, to the first endpoint that answers. @throws Error with what etcd or the last endpoint said */
  async call(
    path: string,
    body: object,
    signal: AbortSignal,
  ): Promise<{ readonly [field: string]: unknown }> {
    let failure: unknown;
    for (let tried = 0; tried <= this.#access.endpoints.length && !signal.aborted; tried += 1) {
      const url = this.#url(path);
      try {
        const answer = await callHttp({
          method: 'POST',
          url,
          headers: await this.#headers(signal),
          body: JSON.stringify(body),
          agent: this.#connections.agent,
          timeoutMs: 3_000,
          signal,
        });
        if (answer.status === 200) return JSON.parse(answer.text) as { readonly [field: string]: unknown };
        failure = new Error(
          `${url}: expected status 200, seen ${answer.status} ${answer.text.slice(0, 200)}`,
        );
        if (answer.status === 401)
          this.#token = undefined; // tokens expire; asked again in the next turn
        else if (answer.status < 500) throw failure;
      } catch (error) {
        if (error === failure) throw error;
        failure = error;
      }
      this.#endpoint += 1;
    }
    throw failure ?? new Error(`${this.#url(path)}: given up`);
  }

  /** A watch's answers, until it ends or fails. */
  async watch(
    create: object,
    silenceMs: number,
    signal: AbortSignal,
    result: (result: { readonly [field: string]: unknown }) => void,
  ): Promise<void> {
    const url = this.#url('/v3/watch');
    await readLines(
      {
        method: 'POST',
        url,
        headers: await this.#headers(signal),
        body: JSON.stringify({ create_request: create }),
        signal,
        silenceMs,
        opened: () => undefined,
      },
      (line) => {
        const message = JSON.parse(line) as {
          result?: { [field: string]: unknown };
          error?: { message?: string };
        };
        if (message.error !== undefined) throw new Error(`${url}: ${message.error.message ?? 'failed'}`);
        if (message.result !== undefined) result(message.result);
      },
    );
  }

  close(): void {
    this.#connections.destroy();
  }

  #url(path: string): string {
    const { endpoints } = this.#access;
    return `${(endpoints[this.#endpoint % endpoints.length] ?? '').replace(/\/$/, '')}${path}`;
  }

  async #headers(signal: AbortSignal): Promise<{ readonly [name: string]: string }> {
    const { login } = this.#access;
    if (login === undefined) return {};
    if (this.#token === undefined) {
      const asked = this.#authenticate(login, signal);
      asked.catch(() => (this.#token = undefined));
      this.#token = asked;
    }
    return { authorization: await this.#token };
  }

  async #authenticate(login: NonNullable<EtcdAccess['login']>, signal: AbortSignal): Promise<string> {
    const answer = await callHttp({
      method: 'POST',
      url: this.#url('/v3/auth/authenticate'),
      body: JSON.stringify(await login()),
      timeoutMs: 3_000,
      signal,
    });
    // The answer may repeat what was sent: not quoted.
    if (answer.status !== 200)
      throw new Error(`${this.#url('')}: log-in refused with status ${answer.status}`);
    return (JSON.parse(answer.text) as { token: string }).token;
  }
}
