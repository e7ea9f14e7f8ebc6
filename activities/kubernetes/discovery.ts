import { groupOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { KubernetesClient } from './client.ts';

/** Where a kind lives on a cluster. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface Discovery {
  /** The resource of a kind in exactly this version; looked for anew once when it is not known. */
  find(apiVersion: string, kind: string): Promise<Resource | undefined>;
  /** Versions in which the cluster serves a kind. */
  versionsOf(group: string, kind: string): Promise<readonly string[]>;
  /** Everything the cluster serves that can be listed. */
  all(): Promise<readonly Resource[]>;
  refresh(): Promise<void>;
}

/** Aggregated discovery: two requests for everything, instead of one per group. */
const ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

interface Discovered {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly scope: string;
        readonly verbs?: readonly string[];
        readonly responseKind?: { readonly kind?: string };
      }[];
    }[];
  }[];
}

const known = new WeakMap<KubernetesClient, Discovery>();

/** The cluster's discovery, shared by everyone in this process who has the same client. */
export function discoveryOf(client: KubernetesClient): Discovery {
  const shared = known.get(client) ?? makeDiscovery(client);
  known.set(client, shared);
  return shared;
}

function makeDiscovery(client: KubernetesClient): Discovery {
  let resources: Promise<ReadonlyMap<string, Resource>> | undefined;
  let loading: Promise<ReadonlyMap<string, Resource>> | undefined;

  /** However many ask at once, one asks the server. */
  const load = () => {
    loading ??= discover(client).finally(() => (loading = undefined));
    const asked = loading;
    resources = asked;
    asked.catch(() => (resources = undefined));
    return asked;
  };
  const current = () => resources ?? load();
  return {
    find: async (apiVersion, kind) => {
      const key = `${apiVersion}/${kind}`;
      return (await current()).get(key) ?? (await load()).get(key);
    },
    versionsOf: async (group, kind) =>
      [...(await current()).values()]
        .filter((resource) => resource.kind === kind && groupOf(resource.apiVersion) === group)
        .map(({ apiVersion }) => apiVersion),
    all: async () => [...(await current()).values()],
    refresh: async () => void (await load()),
  };
}

async function discover(client: KubernetesClient): Promise<ReadonlyMap<string, Resource>> {
  await client.untilReady(); // one that starts tells of a part of its groups only
  const found = new Map<string, Resource>();
  for (const path of ['/api', '/apis']) {
    const { items = [] } = await client.call<Discovered>({ method: 'GET', path, accept: ACCEPT });
    for (const { metadata, versions } of items) {
      const group = metadata?.name ?? '';
      for (const { version, resources = [] } of versions) {
        const apiVersion = group === '' ? version : `${group}/${version}`;
        for (const { resource, scope, verbs = [], responseKind } of resources) {
          const kind = responseKind?.kind ?? '';
          if (!verbs.includes('list') || found.has(`${apiVersion}/${kind}`)) continue;
          found.set(`${apiVersion}/${kind}`, {
            apiVersion,
            kind,
            plural: resource,
            namespaced: scope === 'Namespaced',
          });
        }
      }
    }
  }
  return found;
}

/** As Velero and kubectl name it: `plural` or `plural.group`. */
export function resourceName({ plural, apiVersion }: Resource): string {
  const group = groupOf(apiVersion);
  return group === '' ? plural : `${plural}.${group}`;
}

const groupPath = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/** Path of a collection; without a namespace all of them. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const within =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${groupPath(resource.apiVersion)}${within}/${resource.plural}`;
}

/** Path of one object. */
export const objectPath = (resource: Resource, { metadata }: Pick<KubernetesObject, 'metadata'>): string =>
  `${collectionPath(resource, metadata.namespace)}/${encodeURIComponent(metadata.name)}`;
