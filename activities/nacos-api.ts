import type { CenterKey } from './config-center.ts';
import { jsonObject, type HttpAnswer } from './call-json.ts';

/** Which of its HTTP APIs a server is spoken to by. The newest has admin reads that are never behind a write. */
export type NacosApi = 'v3' | 'v2' | 'v1';

export interface NacosCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly form: { readonly [name: string]: string };
}

/** Codes in the body; the HTTP status says less (a conflict is a 500). */
const success = 0;
const notFound = 20_004;
const conflict = 20_005;

/** busy: the server is just taking over a newer content; ask again. */
export type ReadAnswer = { readonly content: string } | 'absent' | 'busy' | 'failed';
export type WriteAnswer = 'written' | 'conflict' | 'failed';

interface Dialect {
  readonly read: (at: CenterKey, namespace: string) => NacosCall;
  readonly write: (at: CenterKey, namespace: string, content: string) => NacosCall;
  readonly instances: (service: string, group: string, namespace: string) => NacosCall;
  readonly readAnswer: (answer: HttpAnswer) => ReadAnswer;
  readonly writeAnswer: (answer: HttpAnswer) => WriteAnswer;
  readonly instancesOf: (answer: HttpAnswer) => readonly unknown[] | 'failed';
  /** Whether a read right after a write may still show what was before. */
  readonly lags: boolean;
}

const written = { type: 'json', srcUser: 'siteshift' };

/** Answers of v2 and v3 are wrapped in {code, message, data}. */
const envelope = (answer: HttpAnswer) => jsonObject(answer.text) as { code?: unknown; data?: unknown };

function envelopeRead(answer: HttpAnswer): ReadAnswer {
  const { code, data } = envelope(answer);
  if (code === notFound) return 'absent';
  if (code === conflict) return 'busy';
  if (code !== success) return 'failed';
  if (typeof data === 'string') return { content: data };
  const { content } = (data ?? {}) as { content?: unknown };
  return typeof content === 'string' ? { content } : 'absent';
}

function envelopeWrite(answer: HttpAnswer): WriteAnswer {
  const { code, data } = envelope(answer);
  if (code === conflict) return 'conflict';
  return code === success && data === true ? 'written' : 'failed';
}

const hosts = (value: unknown): readonly unknown[] | 'failed' => {
  const list = Array.isArray(value) ? value : (value as { hosts?: unknown } | undefined)?.hosts;
  return Array.isArray(list) ? list : 'failed';
};

export const dialects: { readonly [api in NacosApi]: Dialect } = {
  v3: {
    read: ({ key, group }, namespaceId) =>
      get('/v3/admin/cs/config', { dataId: key, groupName: group, namespaceId }),
    write: ({ key, group }, namespaceId, content) =>
      post('/v3/admin/cs/config', { dataId: key, groupName: group, namespaceId, content, ...written }),
    instances: (serviceName, groupName, namespaceId) =>
      get('/v3/client/ns/instance/list', { serviceName, groupName, namespaceId }),
    readAnswer: envelopeRead,
    writeAnswer: envelopeWrite,
    instancesOf: (answer) => hosts(envelope(answer).data),
    lags: false,
  },
  v2: {
    read: ({ key, group }, namespaceId) => get('/v2/cs/config', { dataId: key, group, namespaceId }),
    write: ({ key, group }, namespaceId, content) =>
      post('/v2/cs/config', { dataId: key, group, namespaceId, content, ...written }),
    instances: (serviceName, groupName, namespaceId) =>
      get('/v2/ns/instance/list', { serviceName, groupName, namespaceId }),
    readAnswer: envelopeRead,
    writeAnswer: envelopeWrite,
    instancesOf: (answer) => hosts(envelope(answer).data),
    lags: true,
  },
  v1: {
    // The first API calls the public namespace by an empty name.
    read: ({ key, group }, namespace) =>
      get('/v1/cs/configs', { dataId: key, group, tenant: tenant(namespace) }),
    write: ({ key, group }, namespace, content) =>
      post('/v1/cs/configs', { dataId: key, group, tenant: tenant(namespace), content, ...written }),
    instances: (serviceName, groupName, namespaceId) =>
      get('/v1/ns/instance/list', { serviceName: `${groupName}@@${serviceName}`, groupName, namespaceId }),
    readAnswer: ({ status, text }) =>
      status === 200
        ? { content: text }
        : isMissing(status, text)
          ? 'absent'
          : status === 409
            ? 'busy'
            : 'failed',
    writeAnswer: ({ status, text }) =>
      status === 200 && text.trim() === 'true' ? 'written' : text.trim() === 'false' ? 'conflict' : 'failed',
    instancesOf: (answer) => hosts(jsonObject(answer.text)),
    lags: true,
  },
};

/** Every framework answers 404 for a path it does not know; only this text means a missing configuration. */
const isMissing = (status: number, text: string): boolean =>
  status === 404 && text.startsWith('config data not exist');

/** Which API an answer to its `read` proves to be there; an envelope proves it, also one that refuses. */
export const isSpoken = (api: NacosApi, answer: HttpAnswer): boolean =>
  api === 'v1'
    ? answer.status === 200 || answer.status === 403 || isMissing(answer.status, answer.text)
    : typeof envelope(answer).code === 'number';

const tenant = (namespace: string): string => (namespace === 'public' ? '' : namespace);
const get = (path: string, form: NacosCall['form']): NacosCall => ({ method: 'GET', path, form });
const post = (path: string, form: NacosCall['form']): NacosCall => ({ method: 'POST', path, form });
