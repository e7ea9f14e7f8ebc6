import { setTimeout as sleep } from 'node:timers/promises';
import { registryPrefix } from '../../domain/datasource-document.ts';
import type { RegisteredConsumer } from '../../domain/datasource.ts';
import { BackOff } from './back-off.ts';
import { KeyListeners, type CenterSession, type FollowedKey, type Registration } from './center-session.ts';
import { base64, EtcdGateway, fromBase64, type EtcdAccess } from './etcd-gateway.ts';
import { EtcdRegistry } from './etcd-registry.ts';
import type { FollowerLog } from './options.ts';

/** Even a healthy watch is closed and opened again, with a read between, after this much silence. */
const silenceMs = 10_000;

export class EtcdSession implements CenterSession {
  readonly #gateway: EtcdGateway;
  readonly #registry: EtcdRegistry;
  readonly #log: FollowerLog;
  readonly #keys = new Map<string, { readonly listeners: KeyListeners; readonly stop: AbortController }>();
  readonly #prefix: string;
  readonly #closed = new AbortController();

  constructor(access: EtcdAccess, prefix: string, log: FollowerLog) {
    this.#gateway = new EtcdGateway(access);
    this.#registry = new EtcdRegistry(this.#gateway, this.#closed.signal, log);
    this.#prefix = prefix;
    this.#log = log;
  }

  follow({ key }: FollowedKey, listener: (content: string) => void): () => void {
    const followed = this.#keys.get(key) ?? { listeners: new KeyListeners(), stop: new AbortController() };
    if (!this.#keys.has(key)) {
      this.#keys.set(key, followed);
      void this.#watchForEver(
        key,
        followed.listeners,
        AbortSignal.any([followed.stop.signal, this.#closed.signal]),
      );
    }
    followed.listeners.add(listener);
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size > 0) return;
      followed.stop.abort();
      this.#keys.delete(key);
    };
  }

  register(entry: RegisteredConsumer): Registration {
    return this.#registry.register(
      `${registryPrefix(this.#prefix, entry.datasource)}${entry.consumer}`,
      entry,
    );
  }

  async close(): Promise<void> {
    await this.#registry.revoke();
    this.#closed.abort();
    this.#gateway.close();
  }

  async #watchForEver(key: string, listeners: KeyListeners, signal: AbortSignal): Promise<void> {
    const backOff = new BackOff(signal);
    while (!signal.aborted) {
      try {
        const revision = await this.#read(key, listeners, signal);
        backOff.reset();
        await this.#watch(key, revision + 1n, listeners, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.debug({ key, error: String(error) }, 'watch of the config center ended; opening it again');
        if (!String(error).includes('nothing came')) await backOff.wait();
      }
    }
  }

  /** @returns the store's revision that the content belongs to: the watch goes on from the next one */
  async #read(key: string, listeners: KeyListeners, signal: AbortSignal): Promise<bigint> {
    const answer = (await this.#gateway.call('/v3/kv/range', { key: base64(key) }, signal)) as {
      header: { revision: string };
      kvs?: readonly { value?: string }[];
    };
    const found = answer.kvs?.[0];
    if (found !== undefined) listeners.tell(fromBase64(found.value ?? ''));
    return BigInt(answer.header.revision);
  }

  async #watch(key: string, revision: bigint, listeners: KeyListeners, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const create = { key: base64(key), start_revision: revision.toString() };
    await this.#gateway.watch(create, silenceMs, AbortSignal.any([signal, ended.signal]), (result) => {
      if (result['canceled'] === true) ended.abort(); // compacted: read again
      const events = (result['events'] ?? []) as readonly { type?: string; kv?: { value?: string } }[];
      for (const { type, kv } of events) {
        if (type !== 'DELETE' && kv?.value !== undefined) listeners.tell(fromBase64(kv.value));
      }
    });
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
}
