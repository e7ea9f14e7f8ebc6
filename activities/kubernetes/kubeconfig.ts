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
  headers(): Promise<Readonly<Record<string, string>>>;
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
  const { ca, cert, key, servername, rejectUnauthorized } = await options();
  let fresh: { readonly until: number; readonly headers: Readonly<Record<string, string>> } | undefined;
  return {
    server: cluster.server,
    tls: compact({ ca, cert, key, servername, rejectUnauthorized }),
    headers: async () => {
      if (fresh !== undefined && fresh.until > Date.now()) return fresh.headers;
      const { headers, auth } = await options();
      const basic = typeof auth === 'string' ? `Basic ${Buffer.from(auth).toString('base64')}` : undefined;
      const answered = {
        ...(basic === undefined ? {} : { authorization: basic }),
        ...(headers as Readonly<Record<string, string>> | undefined),
      };
      fresh = { until: Date.now() + HEADERS_FOR_MS, headers: answered };
      return answered;
    },
  };
}

const compact = (members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
