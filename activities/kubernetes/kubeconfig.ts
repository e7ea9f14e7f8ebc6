import type { RequestOptions } from 'node:https';
import { readPlainKubeconfig } from './plain-kubeconfig.ts';

/** What a kubeconfig says about reaching a cluster: TLS material for the connections, headers for the requests. */
export interface ClusterAccess {
  readonly server: string;
  readonly tls: {
    readonly ca?: string | Buffer;
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
    readonly servername?: string;
    readonly rejectUnauthorized?: boolean;
  };
  /** Authorization, freshly asked of the exec or OIDC plugin where there is one. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
}

/** The library decodes certificates and asks plugins anew each time; tokens live for minutes at least. */
const HEADERS_FOR_MS = 10_000;

/**
 * Reads a kubeconfig. The client library is loaded here, and only for a kubeconfig that needs it: it costs
 * 0.6 s and 70 MB. Files that a kubeconfig names must be absolute; it comes to us as text.
 */
export async function readKubeconfig(text: string, context: string | undefined): Promise<ClusterAccess> {
  const plain = readPlainKubeconfig(text, context);
  if (plain !== undefined) return plain;
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
  } catch {
    // The parser's message quotes the file, and the file holds keys.
    throw new Error('the kubeconfig cannot be read: expected YAML with clusters, users and contexts');
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null || config.getCurrentUser() === null) {
    const known = config.getContexts().map(({ name }) => name);
    const wanted = context ?? `${config.getCurrentContext()} (current)`;
    throw new Error(
      `the kubeconfig has no usable context ${wanted}; contexts: ${known.join(', ') || 'none'}`,
    );
  }
  const options = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return options;
  };
  const first = await options();
  const { ca, cert, key, servername, rejectUnauthorized } = first;
  return {
    server: cluster.server,
    tls: compact({ ca, cert, key, servername, rejectUnauthorized }),
    headers: askedOnce(headersOf(first), async () => headersOf(await options())),
  };
}

type Headers = Readonly<Record<string, string>>;

function headersOf({ headers, auth }: RequestOptions): Headers {
  const basic = typeof auth === 'string' ? `Basic ${Buffer.from(auth).toString('base64')}` : undefined;
  return {
    ...(basic === undefined ? {} : { authorization: basic }),
    ...(headers as Headers | undefined),
  };
}

/** Whoever asks while a plugin runs gets its answer: all requests that are in flight would start one each. */
function askedOnce(first: Headers, ask: () => Promise<Headers>): () => Promise<Headers> {
  let fresh = { until: Date.now() + HEADERS_FOR_MS, headers: first };
  let asking: Promise<Headers> | undefined;
  const renew = async () => {
    try {
      const headers = await ask();
      fresh = { until: Date.now() + HEADERS_FOR_MS, headers };
      return headers;
    } finally {
      asking = undefined; // a failure is not kept: the next one asks again
    }
  };
  return async () => {
    if (fresh.until > Date.now()) return fresh.headers;
    asking ??= renew();
    return asking;
  };
}

const compact = (members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
