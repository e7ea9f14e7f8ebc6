import { ApiError } from './api-error.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

/** Where the kinds of an apiVersion live. */
export const groupPath = (apiVersion: string) =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

interface Resource {
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Kind → plural by discovery, asked once per group and again only when a kind is missing. */
export function resourceLookup(get: (path: string) => Promise<unknown>) {
  const known = new Map<string, Promise<ReadonlyMap<string, Resource>>>();
  const load = (apiVersion: string) => {
    const loading = discover(get, apiVersion);
    loading.catch(() => known.delete(apiVersion));
    known.set(apiVersion, loading);
    return loading;
  };
  return async ({ apiVersion, kind }: KubernetesObject): Promise<Resource> => {
    const cached = (await (known.get(apiVersion) ?? load(apiVersion))).get(kind);
    const resource = cached ?? (await load(apiVersion)).get(kind);
    if (resource === undefined)
      throw new ApiError(404, `looking up ${kind} of ${apiVersion}`, 'no such kind');
    return resource;
  };
}

async function discover(
  get: (path: string) => Promise<unknown>,
  apiVersion: string,
): Promise<ReadonlyMap<string, Resource>> {
  const { resources } = (await get(groupPath(apiVersion))) as {
    readonly resources: readonly {
      readonly name: string;
      readonly kind: string;
      readonly namespaced: boolean;
    }[];
  };
  const main = resources.filter(({ name }) => !name.includes('/'));
  return new Map(main.map(({ name, kind, namespaced }) => [kind, { plural: name, namespaced }]));
}
