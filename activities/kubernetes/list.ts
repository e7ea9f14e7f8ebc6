import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { hasCode } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { collectionPath, type Resource } from './discovery.ts';

interface Page {
  readonly metadata: { readonly continue?: string };
  /** null where there are none and only metadata was asked for. */
  readonly items: readonly KubernetesObject[] | null;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** Names, labels and annotations without the rest: a fraction of the bytes. */
  readonly metadataOnly?: boolean;
  readonly signal?: AbortSignal;
}

const PAGE = 500;
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
/** How often a list is begun anew because the server forgot its place in it. */
const RESTARTS = 3;

/**
 * Every object of a collection, page by page, so that thousands never stand in memory together. The server answers
 * from its watch cache, as of now. Items of a list carry no kind of their own: it is put back. An object may be
 * handed over twice when the server has forgotten the place in the list and it begins anew.
 */
export async function forEachObject(
  client: KubernetesClient,
  resource: Resource,
  options: ListOptions,
  visit: (object: KubernetesObject) => void,
): Promise<void> {
  const { apiVersion, kind } = resource;
  const ask = (place: string) =>
    client.call<Page>({
      method: 'GET',
      path: `${collectionPath(resource, options.namespace)}?${query(options, place)}`,
      ...(options.metadataOnly === true ? { accept: METADATA_ONLY } : {}),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  let asked: Promise<Page> | undefined = ask('');
  for (let restarts = 0; asked !== undefined;) {
    let page: Page;
    try {
      page = await asked;
    } catch (error) {
      if (!hasCode(error, 410) || restarts >= RESTARTS) throw error;
      restarts += 1;
      asked = ask('');
      continue;
    }
    const place = page.metadata.continue ?? '';
    asked = place === '' ? undefined : ask(place); // the server works on it while we look at this page
    asked?.catch(() => undefined); // it is awaited in the next round; a visit that throws must not leave it unhandled
    for (const item of page.items ?? []) visit({ ...item, apiVersion, kind });
  }
}

export async function listObjects(
  client: KubernetesClient,
  resource: Resource,
  options: ListOptions = {},
): Promise<readonly KubernetesObject[]> {
  const found = new Map<string, KubernetesObject>();
  await forEachObject(client, resource, options, (object) =>
    found.set(`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object),
  );
  return [...found.values()];
}

function query({ labelSelector }: ListOptions, place: string): string {
  const parameters = new URLSearchParams({ limit: String(PAGE) });
  if (place !== '') parameters.set('continue', place);
  if (labelSelector !== undefined && labelSelector !== '') parameters.set('labelSelector', labelSelector);
  return parameters.toString();
}
