import { callHttp, keepConnections, type HttpAnswer, type HttpConnections } from './http-client.ts';

export interface NacosAccess {
  /** With the context path, e.g. http://nacos.example:8848/nacos */
  readonly url: string;
  readonly grpcPort?: number;
  readonly namespace: string;
  readonly login?: () => Promise<{ readonly name: string; readonly password: string }>;
}

/** Nacos over HTTP as a consumer needs it: log-in, and requests that carry the token. */
export class NacosHttp {
  readonly #access: NacosAccess;
  readonly #connections: HttpConnections;
  readonly #signal: AbortSignal;
  #token: { readonly value: string; readonly renewAt: number } | undefined;

  constructor(access: NacosAccess, signal: AbortSignal) {
    this.#access = access;
    this.#connections = keepConnections(access.url, 16);
    this.#signal = signal;
  }

  /** Empty without an account. */
  async headers(): Promise<{ readonly [name: string]: string }> {
    const token = await this.#accessToken();
    return token === undefined ? {} : { accessToken: token };
  }

  /** The next request logs in anew. */
  forgetToken(): void {
    this.#token = undefined;
  }

  async call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    form: { readonly [name: string]: string },
    options: { readonly timeoutMs?: number; readonly headers?: { readonly [name: string]: string } } = {},
  ): Promise<HttpAnswer> {
    const fields = new URLSearchParams(form).toString();
    const inBody = method === 'POST' || method === 'PUT';
    const answer = await callHttp({
      method,
      url: `${this.#access.url.replace(/\/$/, '')}${path}${inBody ? '' : `?${fields}`}`,
      headers: {
        ...(await this.headers()),
        ...options.headers,
        ...(inBody ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      ...(inBody ? { body: fields } : {}),
      agent: this.#connections.agent,
      timeoutMs: options.timeoutMs ?? 3_000,
      signal: this.#signal,
    });
    if (answer.status === 401 || answer.status === 403) this.forgetToken();
    return answer;
  }

  close(): void {
    this.#connections.destroy();
  }

  async #accessToken(): Promise<string | undefined> {
    const { login, url } = this.#access;
    if (login === undefined) return undefined;
    if (this.#token !== undefined && this.#token.renewAt > Date.now()) return this.#token.value;
    const { name, password } = await login();
    // The newer path first; servers without it answer 404.
    for (const path of ['/v3/auth/user/login', '/v1/auth/login']) {
      const answer = await callHttp({
        method: 'POST',
        url: `${url.replace(/\/$/, '')}${path}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ username: name, password }).toString(),
        agent: this.#connections.agent,
        timeoutMs: 3_000,
        signal: this.#signal,
      });
      if (answer.status === 404) continue;
      if (answer.status !== 200)
        throw new Error(`${url}${path}: log-in refused with status ${answer.status}`);
      const { accessToken, tokenTtl } = JSON.parse(answer.text) as { accessToken: string; tokenTtl?: number };
      this.#token = { value: accessToken, renewAt: Date.now() + (tokenTtl ?? 600) * 800 };
      return accessToken;
    }
    throw new Error(`${url}: neither the v3 nor the v1 log-in is there`);
  }
}
