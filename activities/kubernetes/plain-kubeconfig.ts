import { parse } from 'yaml';
import { list, mapping } from '../../domain/kubernetes/object.ts';
import type { ClusterAccess } from './kubeconfig.ts';

type Members = Readonly<Record<string, unknown>>;

const clusterKeys = new Set([
  'server',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
]);
const userKeys = new Set(['client-certificate-data', 'client-key-data', 'token']);

/**
 * A kubeconfig that holds everything itself: certificates, or a token. Most do, and reading them takes a millisecond,
 * where the client library takes most of a second and 70 MB to load.
 * @returns undefined for every other one (plugins, files, proxies, and what is broken): the library knows those
 */
export function readPlainKubeconfig(text: string, context: string | undefined): ClusterAccess | undefined {
  const config = parsed(text);
  const chosen = memberOf(config['contexts'], context ?? config['current-context'], 'context');
  const cluster = memberOf(config['clusters'], chosen?.['cluster'], 'cluster');
  const user = memberOf(config['users'], chosen?.['user'], 'user');
  if (cluster === undefined || user === undefined) return undefined;
  const isKnown = hasOnly(cluster, clusterKeys) && hasOnly(user, userKeys);
  const { server, 'tls-server-name': servername, 'insecure-skip-tls-verify': isBlind } = cluster;
  const { token } = user;
  if (!isKnown || typeof server !== 'string' || !server.startsWith('https:')) return undefined;
  if (token !== undefined && typeof token !== 'string') return undefined;
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return {
    server,
    tls: {
      ...decoded('ca', cluster['certificate-authority-data']),
      ...decoded('cert', user['client-certificate-data']),
      ...decoded('key', user['client-key-data']),
      ...(typeof servername === 'string' ? { servername } : {}),
      ...(isBlind === true ? { rejectUnauthorized: false } : {}),
    },
    headers: async () => headers,
  };
}

function parsed(text: string): Members {
  try {
    return mapping(parse(text));
  } catch {
    return {};
  }
}

/** The entry of a name in one of kubeconfig's lists, `[{name, context: {…}}]`. */
function memberOf(entries: unknown, name: unknown, member: string): Members | undefined {
  const found = list(entries)
    .map(mapping)
    .find((entry) => entry['name'] === name);
  return found === undefined ? undefined : mapping(found[member]);
}

const hasOnly = (members: Members, known: ReadonlySet<string>): boolean =>
  Object.keys(members).every((key) => known.has(key));

const decoded = (name: 'ca' | 'cert' | 'key', base64: unknown) =>
  typeof base64 === 'string' ? { [name]: Buffer.from(base64, 'base64') } : {};
