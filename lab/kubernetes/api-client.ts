import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { ApiError } from './api-error.ts';
import { groupPath, resourceLookup } from './api-resources.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

/** The lab's own plain way to a cluster. It does not retry: whoever waits for something repeats it with `waitUntil`. */
export interface ApiClient {
  readonly server: string;
  /** Any request; the parsed answer, or the text where it is not JSON. Statuses from 400 on throw an ApiError. */
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown>;
  get(path: string): Promise<KubernetesObject>;
  list(path: string): Promise<readonly KubernetesObject[]>;
  /** Path of an object, by its apiVersion, kind, namespace and name. */
  pathOf(object: KubernetesObject): Promise<string>;
  /** Server-side apply, taking over fields of others. */
  apply(object: KubernetesObject, fieldManager: string): Promise<KubernetesObject>;
  create(object: KubernetesObject): Promise<KubernetesObject>;
  delete(object: KubernetesObject): Promise<void>;
  close(): void;
}

const ANSWER_WITHIN_MS = 30_000;
export const MOST_CONNECTIONS = 16;

/** Opens a client from a kubeconfig as the lab writes them. */
export function openApi(kubeconfig: string): ApiClient {
  const { server, agent } = readKubeconfig(kubeconfig);
  const call: ApiClient['call'] = (method, path, body, contentType = 'application/json') =>
    send({ agent, url: new URL(path, server), method, body, contentType });
  const resources = resourceLookup((path) => call('GET', path));
  const folderOf = async (object: KubernetesObject) => {
    const { plural, namespaced } = await resources(object);
    const namespace = namespaced ? `namespaces/${object.metadata.namespace ?? 'default'}/` : '';
    return `${groupPath(object.apiVersion)}/${namespace}${plural}`;
  };
  const pathOf = async (object: KubernetesObject) =>
    `${await folderOf(object)}/${encodeURIComponent(object.metadata.name)}`;

  return {
    server,
    call,
    get: (path) => call('GET', path) as Promise<KubernetesObject>,
    list: async (path) =>
      ((await call('GET', path)) as { readonly items: readonly KubernetesObject[] }).items,
    pathOf,
    apply: async (object, fieldManager) => {
      const query = `fieldManager=${fieldManager}&force=true&fieldValidation=Strict`;
      const path = `${await pathOf(object)}?${query}`;
      return (await call('PATCH', path, object, 'application/apply-patch+yaml')) as KubernetesObject;
    },
    create: async (object) => (await call('POST', await folderOf(object), object)) as KubernetesObject,
    delete: async (object) => {
      await call('DELETE', await pathOf(object));
    },
    close: () => agent.destroy(),
  };
}

function readKubeconfig(file: string): { readonly server: string; readonly agent: Agent } {
  const config = JSON.parse(readFileSync(file, 'utf8')) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const decode = (base64: string) => Buffer.from(base64, 'base64');
  const { cluster } = config.clusters[0];
  const { user } = config.users[0];
  const agent = new Agent({
    keepAlive: true,
    maxSockets: MOST_CONNECTIONS,
    ca: decode(cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  });
  return { server: cluster.server, agent };
}

function send(options: {
  readonly agent: Agent;
  readonly url: URL;
  readonly method: string;
  readonly body: unknown;
  readonly contentType: string;
}): Promise<unknown> {
  const { agent, url, method, body, contentType } = options;
  const attempted = `${method} ${url.href}`;
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': contentType }),
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const fail = (cause: Error) => reject(new Error(`${attempted}: ${cause.message}`, { cause }));
    const outgoing = request(url, { agent, method, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const status = response.statusCode ?? 0;
        if (status >= 400) reject(new ApiError(status, attempted, messageOf(text)));
        else resolve(text.startsWith('{') ? JSON.parse(text) : text);
      });
    });
    outgoing.on('error', fail);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text;
  } catch {
    return text.slice(0, 500);
  }
}
