import { setTimeout as sleep } from 'node:timers/promises';
import type { RegisteredConsumer } from '../../domain/datasource.ts';
import { BackOff } from './back-off.ts';
import { KeyListeners, type CenterSession, type FollowedKey, type Registration } from './center-session.ts';
import { NacosConnection } from './nacos-connection.ts';
import { NacosHttp, type NacosAccess } from './nacos-http.ts';
import { NacosLongPoll } from './nacos-long-poll.ts';
import { NacosRegistry, type NacosInstance } from './nacos-registry.ts';
import type { FollowerLog } from './options.ts';

/** A push may get lost; listening again with what we hold finds that out. */
const relistenMs = 5_000;
/** Nacos' code for a configuration that does not exist (yet). */
const notFound = 300;

export interface NacosKey extends FollowedKey {
  readonly listeners: KeyListeners;
  /** Of the content that was heard last; the server compares it with its own. */
  md5: string;
}

export class NacosSession implements CenterSession {
  readonly #access: NacosAccess;
  readonly #http: NacosHttp;
  readonly #log: FollowerLog;
  readonly #registry: NacosRegistry;
  readonly #keys = new Map<string, NacosKey>();
  readonly #closed = new AbortController();
  #connection: NacosConnection | undefined;
  #running = false;

  constructor(access: NacosAccess, log: FollowerLog) {
    this.#access = access;
    this.#log = log;
    this.#http = new NacosHttp(access, this.#closed.signal);
    this.#registry = new NacosRegistry((error) => {
      this.#log.debug({ error: String(error) }, 'registering in Nacos failed; connecting again');
      this.#http.forgetToken();
      this.#connection?.close();
    });
  }

  follow(at: FollowedKey, listener: (content: string) => void): () => void {
    const name = `${at.group}\n${at.key}`;
    const followed = this.#keys.get(name) ?? { ...at, listeners: new KeyListeners(), md5: '' };
    const isNew = !this.#keys.has(name);
    this.#keys.set(name, followed);
    followed.listeners.add(listener);
    if (isNew && this.#connection !== undefined) this.#relisten(this.#connection, [followed]);
    this.#run();
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size === 0) this.#keys.delete(name);
    };
  }

  register(entry: RegisteredConsumer): Registration {
    this.#run();
    return this.#registry.register(entry);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection?.close();
    this.#http.close();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#runForEver();
  }

  async #runForEver(): Promise<void> {
    const { signal } = this.#closed;
    const backOff = new BackOff(signal);
    const longPoll = new NacosLongPoll(this.#http, this.#access.namespace, signal);
    while (!signal.aborted) {
      let wasConnected = false;
      try {
        await this.#holdConnection(() => {
          wasConnected = true;
          backOff.reset();
        });
      } catch (error) {
        if (signal.aborted) return;
        this.#log.debug({ error: String(error) }, 'connection to Nacos ended; connecting again');
      }
      // Without gRPC (an old server, a closed port) the first HTTP API still serves; then gRPC is tried again.
      if (wasConnected || !(await this.#listenByHttp(longPoll))) await backOff.wait();
    }
  }

  /** One turn of long polls. @returns false when that does not work either */
  async #listenByHttp(longPoll: NacosLongPoll): Promise<boolean> {
    if (!(await longPoll.isServed())) return false;
    this.#registry.connected((service, instances) => longPoll.putInstances(service, instances));
    try {
      await longPoll.listenOnce(() => [...this.#keys.values()]);
      return true;
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'long poll of Nacos failed');
      return false;
    } finally {
      this.#registry.connected(undefined);
    }
  }

  async #holdConnection(opened: () => void): Promise<void> {
    const { url, grpcPort, namespace } = this.#access;
    const { hostname, port, protocol } = new URL(url);
    const secure = protocol === 'https:';
    const httpPort = Number(port === '' ? (secure ? 443 : 80) : port);
    const address = { host: hostname, port: grpcPort ?? httpPort + 1_000, secure, namespace };
    const connection = await NacosConnection.open(
      address,
      () => this.#http.headers(),
      (type, body) => this.#pushed(connection, type, body),
    );
    this.#connection = connection;
    const stop = new AbortController();
    try {
      opened();
      this.#registry.connected((service, instances) => this.#putInstances(connection, service, instances));
      void this.#relistenForEver(connection, AbortSignal.any([stop.signal, this.#closed.signal]));
      throw await connection.ended;
    } finally {
      stop.abort();
      this.#connection = undefined;
      this.#registry.connected(undefined);
      connection.close();
    }
  }

  async #relistenForEver(connection: NacosConnection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#relisten(connection, [...this.#keys.values()]);
      await sleep(relistenMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #pushed(connection: NacosConnection, type: string, body: { readonly [field: string]: unknown }): void {
    if (type !== 'ConfigChangeNotifyRequest') return;
    const changed = [...this.#keys.values()].filter(
      (one) => one.key === body['dataId'] && one.group === body['group'],
    );
    void this.#ensure(connection, async () => {
      for (const one of changed) await this.#query(connection, one);
      await this.#listen(connection, changed);
    });
  }

  #relisten(connection: NacosConnection, keys: readonly NacosKey[]): void {
    void this.#ensure(connection, () => this.#listen(connection, keys));
  }

  /** What cannot be asked means that the connection is of no use: a new one starts from the beginning. */
  async #ensure(connection: NacosConnection, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      this.#log.debug({ error: String(error) }, 'asking Nacos failed; connecting again');
      this.#http.forgetToken();
      connection.close();
    }
  }

  /** Tells the server what we hold; it answers with what differs, and pushes what will. */
  async #listen(connection: NacosConnection, keys: readonly NacosKey[]): Promise<void> {
    if (keys.length === 0) {
      await connection.request('HealthCheckRequest', {});
      return;
    }
    const tenant = this.#access.namespace;
    const configListenContexts = keys.map(({ key, group, md5 }) => ({ dataId: key, group, tenant, md5 }));
    const answer = await connection.request('ConfigBatchListenRequest', {
      listen: true,
      configListenContexts,
    });
    const changed = (answer['changedConfigs'] ?? []) as readonly { dataId: string; group: string }[];
    const differing = keys.filter(({ key, group }) =>
      changed.some((one) => one.dataId === key && one.group === group),
    );
    const updated: NacosKey[] = [];
    for (const one of differing) if (await this.#query(connection, one)) updated.push(one);
    if (updated.length > 0) await this.#listen(connection, updated);
  }

  /** @returns whether there was something that we did not hold */
  async #query(connection: NacosConnection, one: NacosKey): Promise<boolean> {
    const ask = { dataId: one.key, group: one.group, tenant: this.#access.namespace };
    try {
      const { content, md5 } = await connection.request('ConfigQueryRequest', ask);
      if (typeof content !== 'string' || md5 === one.md5) return false;
      one.md5 = String(md5);
      one.listeners.tell(content);
      return true;
    } catch (error) {
      if ((error as { nacosCode?: unknown }).nacosCode === notFound) return false;
      throw error;
    }
  }

  async #putInstances(
    connection: NacosConnection,
    service: { readonly serviceName: string; readonly groupName: string },
    instances: readonly NacosInstance[],
  ): Promise<void> {
    const namespace = this.#access.namespace;
    const full = instances.map((instance) => ({
      ...instance,
      serviceName: service.serviceName,
      clusterName: 'DEFAULT',
      weight: 1,
      healthy: true,
      enabled: true,
      ephemeral: true,
    }));
    if (full.length > 0) {
      const type = 'batchRegisterInstance';
      await connection.request('BatchInstanceRequest', { namespace, ...service, type, instances: full });
      return;
    }
    const nobody = { ip: 'nobody', port: 1, ephemeral: true, clusterName: 'DEFAULT' };
    const type = 'deregisterInstance';
    await connection.request('InstanceRequest', { namespace, ...service, type, instance: nobody });
  }
}
