import { registryPrefix } from '../domain/datasource-document.ts';
import type { EtcdCenter } from '../domain/schema/inventory.ts';
import { callHttp, jsonObject } from './call-json.ts';
import type { CenterContent, ConfigCenterDriver, Published } from './config-center.ts';
import { registeredConsumers } from './registered-consumers.ts';
import type { StepTools } from './tools.ts';

const callMs = 3_000;

interface KeyValue {
  readonly value?: string;
  readonly mod_revision?: string;
}

/** etcd by its HTTP/JSON gateway: 64-bit numbers are texts in it, keys and values base64. */
export function openEtcd(center: EtcdCenter, tools: StepTools): ConfigCenterDriver {
  const where = `etcd at ${center.endpoints.join(', ')}`;
  const call = caller(center, tools);

  const range = async (key: string, more: object = {}): Promise<readonly KeyValue[]> => {
    const { kvs } = await call('/v3/kv/range', { key: base64(key), ...more });
    return (kvs ?? []) as readonly KeyValue[];
  };
  const read = async (key: string): Promise<CenterContent | undefined> => {
    const [found] = await range(key);
    if (found === undefined) return undefined;
    return { content: fromBase64(found.value ?? ''), token: found.mod_revision ?? '0' };
  };
  /** Compared and written in one transaction of the store; revision 0 means that there is no such key. */
  const publish = async (key: string, content: string, expected: string | undefined): Promise<Published> => {
    const answer = await call('/v3/kv/txn', {
      compare: [{ key: base64(key), target: 'MOD', result: 'EQUAL', mod_revision: expected ?? '0' }],
      success: [{ request_put: { key: base64(key), value: base64(content) } }],
    });
    if (answer['succeeded'] !== true) return { kind: 'conflict' };
    const { revision } = (answer['header'] ?? {}) as { revision?: string };
    return { kind: 'published', token: revision ?? '0' };
  };

  return {
    where,
    tellsAtOnce: true,
    read: ({ key }) => read(key),
    publish: ({ key }, content, expected) => publish(key, content, expected),
    consumers: async (datasource) => {
      const prefix = registryPrefix(center.prefix, datasource);
      const entries = await range(prefix, { range_end: base64(endOf(prefix)) });
      const values = entries.map(({ value }) => jsonObject(fromBase64(value ?? '')));
      return registeredConsumers(values, datasource, tools.log);
    },
    probe: async () => {
      const scratch = `${center.prefix}cas-probe`;
      if ((await read(scratch)) === undefined) await publish(scratch, 'probe of compare-and-set', undefined);
      const impossible = '1'; // the store's own first revision never belongs to a key
      const tried = await publish(scratch, 'written in spite of a wrong revision', impossible);
      return tried.kind === 'conflict'
        ? { isReal: true, how: 'a transaction with a wrong revision was refused' }
        : { isReal: false, why: `${where} carried out a transaction whose comparison was wrong` };
    },
  };
}

type Call = (path: string, body: object) => Promise<{ readonly [field: string]: unknown }>;

/** Tries the endpoints in turn; a token that expired is asked for again, once. */
function caller(center: EtcdCenter, tools: StepTools): Call {
  let token: string | undefined;
  const post = (endpoint: string, path: string, body: object, authorization?: string) =>
    callHttp({
      method: 'POST',
      url: `${endpoint.replace(/\/$/, '')}${path}`,
      body: JSON.stringify(body),
      ...(authorization === undefined ? {} : { headers: { authorization } }),
      timeoutMs: callMs,
      signal: tools.signal,
    });
  const logIn = async (endpoint: string): Promise<string | undefined> => {
    if (center.auth === undefined) return undefined;
    const credentials = { name: center.auth.user, password: await tools.secret(center.auth.password) };
    const answer = await post(endpoint, '/v3/auth/authenticate', credentials);
    const given = jsonObject(answer.text)['token'];
    if (typeof given === 'string') return given;
    throw new Error(`${endpoint}: log-in of ${center.auth.user} refused with status ${answer.status}`);
  };
  const callEndpoint = async (endpoint: string, path: string, body: object) => {
    token ??= await logIn(endpoint);
    let answer = await post(endpoint, path, body, token);
    if (answer.status === 401 && token !== undefined) {
      token = await logIn(endpoint);
      answer = await post(endpoint, path, body, token);
    }
    if (answer.status === 200) return jsonObject(answer.text);
    throw new Error(
      `${endpoint}${path}: expected status 200, seen ${answer.status} ${answer.text.slice(0, 200)}`,
    );
  };
  return async (path, body) => {
    const failures: unknown[] = [];
    for (const endpoint of center.endpoints) {
      try {
        return await callEndpoint(endpoint, path, body);
      } catch (error) {
        tools.signal.throwIfAborted();
        failures.push(error);
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'no endpoint of etcd answers');
  };
}

/** The first key behind all those that start with the prefix. */
const endOf = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCodePoint((prefix.codePointAt(prefix.length - 1) ?? 0) + 1);
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
