import type { RegisteredConsumer } from '../../domain/datasource.ts';
import { BackOff } from './back-off.ts';
import type { Registration } from './center-session.ts';
import { base64, type EtcdGateway } from './etcd-gateway.ts';
import type { FollowerLog } from './options.ts';

/** A dead process is gone from the registry after this long. */
const leaseSeconds = 10;
const renewMs = 3_000;
/** etcd takes at most 128 operations in a transaction. */
const putsPerTransaction = 100;
/** The registry is the slow way: it must not take part in the moment of the switch. */
const gatherMs = 300;

/** Entries of this process in etcd, all under one lease; changes go in batches. */
export class EtcdRegistry {
  readonly #gateway: EtcdGateway;
  readonly #signal: AbortSignal;
  readonly #log: FollowerLog;
  readonly #entries = new Map<string, RegisteredConsumer>();
  readonly #changed = new Set<string>();
  #lease: string | undefined;
  #running = false;
  #wake: (() => void) | undefined;

  constructor(gateway: EtcdGateway, signal: AbortSignal, log: FollowerLog) {
    this.#gateway = gateway;
    this.#signal = signal;
    this.#log = log;
  }

  register(key: string, entry: RegisteredConsumer): Registration {
    this.#put(key, entry);
    return {
      update: (changed) => this.#put(key, changed),
      remove: async () => {
        this.#entries.delete(key);
        this.#changed.delete(key);
        await this.#gateway
          .call('/v3/kv/deleterange', { key: base64(key) }, this.#signal)
          .catch(() => undefined);
      },
    };
  }

  async revoke(): Promise<void> {
    if (this.#lease === undefined || this.#entries.size === 0) return;
    await this.#gateway.call('/v3/lease/revoke', { ID: this.#lease }, this.#signal).catch(() => undefined);
  }

  #put(key: string, entry: RegisteredConsumer): void {
    this.#entries.set(key, entry);
    this.#changed.add(key);
    this.#wake?.();
    if (this.#running) return;
    this.#running = true;
    void this.#runForEver();
  }

  async #runForEver(): Promise<void> {
    const backOff = new BackOff(this.#signal);
    let renewAt = 0;
    while (!this.#signal.aborted) {
      try {
        if (this.#lease === undefined) {
          this.#lease = await this.#grant();
          for (const key of this.#entries.keys()) this.#changed.add(key);
          renewAt = Date.now() + renewMs;
        } else if (Date.now() >= renewAt) {
          await this.#renew(this.#lease);
          renewAt = Date.now() + renewMs;
        }
        await this.#flush(this.#lease);
        backOff.reset();
        await this.#pause(renewAt - Date.now());
      } catch (error) {
        if (this.#signal.aborted) return;
        // A lease that is gone, or a store that was replaced: everything is registered anew.
        if (/not found/.test(String(error))) this.#lease = undefined;
        this.#log.debug({ error: String(error) }, 'registering in etcd failed; trying again');
        await backOff.wait();
      }
    }
  }

  async #grant(): Promise<string> {
    const { ID } = await this.#gateway.call('/v3/lease/grant', { TTL: String(leaseSeconds) }, this.#signal);
    return String(ID);
  }

  async #renew(lease: string): Promise<void> {
    const answer = await this.#gateway.call('/v3/lease/keepalive', { ID: lease }, this.#signal);
    const { TTL } = (answer['result'] ?? {}) as { TTL?: string };
    if (Number(TTL ?? 0) <= 0) throw new Error('lease not found'); // expired: no error text for it
  }

  async #flush(lease: string): Promise<void> {
    while (this.#changed.size > 0) {
      const keys = [...this.#changed].slice(0, putsPerTransaction);
      for (const key of keys) this.#changed.delete(key);
      const success = keys.map((key) => ({
        request_put: { key: base64(key), value: base64(JSON.stringify(this.#entries.get(key))), lease },
      }));
      try {
        await this.#gateway.call('/v3/kv/txn', { success }, this.#signal);
      } catch (error) {
        for (const key of keys) if (this.#entries.has(key)) this.#changed.add(key);
        throw error;
      }
    }
  }

  /** Until there is something to put (and a moment more, for the others), or the lease wants renewing. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, Math.max(ms, 0));
      timer.unref();
      this.#wake = wake;
      this.#signal.addEventListener('abort', wake, { once: true });
      if (this.#changed.size > 0) wake();
    });
    if (this.#changed.size > 0) await new Promise((resolve) => setTimeout(resolve, gatherMs));
  }
}
