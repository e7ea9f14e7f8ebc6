import type { FollowedCenter, FollowedCollector, FollowerLog } from './options.ts';
import type { CenterSession } from './center-session.ts';
import { CollectorLink } from './collector-link.ts';
import { resolveSecret } from './config.ts';
import { EtcdSession } from './etcd-session.ts';
import { NacosSession } from './nacos-session.ts';

interface Shared<Value> {
  readonly value: Promise<Value>;
  users: number;
}

export interface Lease<Value> {
  readonly value: Value;
  release(): Promise<void>;
}

/** One of each per process, however many followers use it; closed when the last one gives it back. */
class SharedPool<Value> {
  readonly #shared = new Map<string, Shared<Value>>();

  async take(
    identity: object,
    make: () => Promise<Value>,
    close: (value: Value) => Promise<void>,
  ): Promise<Lease<Value>> {
    const key = JSON.stringify(identity);
    const shared = this.#shared.get(key) ?? { value: make(), users: 0 };
    this.#shared.set(key, shared);
    shared.users += 1;
    const release = async () => {
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#shared.delete(key);
      await close(await shared.value);
    };
    try {
      return { value: await shared.value, release };
    } catch (error) {
      this.#shared.delete(key);
      throw error;
    }
  }
}

const sessions = new SharedPool<CenterSession>();
const links = new SharedPool<CollectorLink>();

/** @param own sessions of different owners are not shared; for processes that play many consumers */
export const takeSession = (
  center: FollowedCenter,
  log: FollowerLog,
  own = '',
): Promise<Lease<CenterSession>> =>
  sessions.take(
    { center, own },
    async () => openSession(center, log),
    (session) => session.close(),
  );

export const takeLink = (collector: FollowedCollector, log: FollowerLog): Promise<Lease<CollectorLink>> =>
  links.take(
    collector,
    async () => new CollectorLink(collector.url, await headersOf(collector), log),
    async (link) => link.close(),
  );

async function headersOf({ token }: FollowedCollector): Promise<{ readonly [name: string]: string }> {
  return token === undefined ? {} : { authorization: `Bearer ${await resolveSecret(token)}` };
}

function openSession(center: FollowedCenter, log: FollowerLog): CenterSession {
  const { auth } = center;
  const login =
    auth === undefined
      ? {}
      : { login: async () => ({ name: auth.user, password: await resolveSecret(auth.password) }) };
  if (center.kind === 'etcd') {
    return new EtcdSession({ endpoints: center.endpoints, ...login }, center.prefix ?? '/siteshift/', log);
  }
  return new NacosSession(
    {
      url: center.url,
      namespace: center.namespace ?? 'public',
      ...login,
      ...(center.grpcPort === undefined ? {} : { grpcPort: center.grpcPort }),
    },
    log,
  );
}
