import { createHash } from 'node:crypto';
import type { NacosHttp } from './nacos-http.ts';
import type { NacosInstance } from './nacos-registry.ts';
import type { NacosKey } from './nacos-session.ts';

/** How long the server may hold a poll; gRPC is tried again in between. */
const holdMs = 20_000;
const beatMs = 5_000;
const [fieldEnd, itemEnd] = ['\u0002', '\u0001'];

type Service = { readonly serviceName: string; readonly groupName: string };

/** The first HTTP API, for servers and networks without gRPC: long polls for changes, heartbeats for the registry. */
export class NacosLongPoll {
  readonly #http: NacosHttp;
  readonly #namespace: string;
  readonly #signal: AbortSignal;
  readonly #instances = new Map<
    string,
    { readonly service: Service; readonly instances: readonly NacosInstance[] }
  >();
  #beatAt = 0;

  constructor(http: NacosHttp, namespace: string, signal: AbortSignal) {
    this.#http = http;
    // The first API calls the public namespace by an empty name.
    this.#namespace = namespace === 'public' ? '' : namespace;
    this.#signal = signal;
  }

  /** Newer servers have this API no more (404), or not without a switch. */
  async isServed(): Promise<boolean> {
    try {
      const answer = await this.#http.call(
        'GET',
        '/v1/cs/configs',
        this.#config({ key: 'siteshift', group: 'siteshift' }),
      );
      return (
        answer.status === 200 || (answer.status === 404 && answer.text.startsWith('config data not exist'))
      );
    } catch {
      return false;
    }
  }

  /** One turn: read what differs, then wait for a change at most `holdMs`, beating meanwhile. */
  async listenOnce(keys: () => readonly NacosKey[]): Promise<void> {
    const until = Date.now() + holdMs;
    for (const key of keys()) await this.#read(key);
    while (Date.now() < until && !this.#signal.aborted) {
      const followed = keys();
      const changed = await this.#poll(followed, Math.min(until - Date.now(), beatMs));
      for (const key of followed.filter((one) => changed.includes(one.key))) await this.#read(key);
      await this.#beat();
    }
  }

  /** Registers them; from then on `listenOnce` sends their heartbeats. */
  async putInstances(service: Service, instances: readonly NacosInstance[]): Promise<void> {
    const gone = (this.#instances.get(service.serviceName)?.instances ?? []).filter(
      (before) => !instances.some((one) => one.ip === before.ip),
    );
    this.#instances.set(service.serviceName, { service, instances });
    for (const one of gone) await this.#ask('DELETE', '/v1/ns/instance', this.#instance(service, one));
    for (const one of instances) await this.#ask('POST', '/v1/ns/instance', this.#instance(service, one));
  }

  async #poll(keys: readonly NacosKey[], waitMs: number): Promise<readonly string[]> {
    const listening = keys
      .map(({ key, group, md5 }) => [key, group, md5, ...(this.#namespace === '' ? [] : [this.#namespace])])
      .map((fields) => fields.join(fieldEnd) + itemEnd)
      .join('');
    const answer = await this.#http.call(
      'POST',
      '/v1/cs/configs/listener',
      { 'Listening-Configs': listening },
      { timeoutMs: waitMs + 5_000, headers: { 'Long-Pulling-Timeout': String(Math.max(waitMs, 1_000)) } },
    );
    if (answer.status !== 200) throw new Error(`listening: expected status 200, seen ${answer.status}`);
    return decodeURIComponent(answer.text.trim())
      .split(itemEnd)
      .map((item) => item.split(fieldEnd)[0] ?? '')
      .filter((key) => key !== '');
  }

  async #read(key: NacosKey): Promise<void> {
    const answer = await this.#http.call('GET', '/v1/cs/configs', this.#config(key));
    if (answer.status !== 200) return;
    key.md5 = createHash('md5').update(answer.text).digest('hex');
    key.listeners.tell(answer.text);
  }

  async #beat(): Promise<void> {
    if (Date.now() < this.#beatAt) return;
    this.#beatAt = Date.now() + beatMs;
    for (const { service, instances } of this.#instances.values()) {
      for (const instance of instances) {
        const beat = JSON.stringify({
          ...instance,
          serviceName: `${service.groupName}@@${service.serviceName}`,
          cluster: 'DEFAULT',
          weight: 1,
          scheduled: true,
        });
        await this.#ask('PUT', '/v1/ns/instance/beat', { ...this.#instance(service, instance), beat });
      }
    }
  }

  async #ask(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    form: { readonly [name: string]: string },
  ): Promise<void> {
    const answer = await this.#http.call(method, path, form);
    if (answer.status !== 200)
      throw new Error(`${method} ${path}: expected status 200, seen ${answer.status}`);
  }

  #config(at: { readonly key: string; readonly group: string }): { readonly [name: string]: string } {
    return { dataId: at.key, group: at.group, tenant: this.#namespace };
  }

  #instance(service: Service, instance: NacosInstance): { readonly [name: string]: string } {
    return {
      serviceName: `${service.groupName}@@${service.serviceName}`,
      groupName: service.groupName,
      ip: instance.ip,
      port: String(instance.port),
      ephemeral: 'true',
      metadata: JSON.stringify(instance.metadata),
      ...(this.#namespace === '' ? {} : { namespaceId: this.#namespace }),
    };
  }
}
