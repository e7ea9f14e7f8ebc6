import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { hasCode } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { readObject } from './read-object.ts';

/** What siteshift keeps in a cluster about itself: ConfigMaps in a namespace of its own, written under compare-and-set. */
export interface OwnConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

const NAMESPACE = 'siteshift';
const COLLECTION = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
/** Restored into another cluster, it would tell that one a past that it has not had. */
const labels = { 'velero.io/exclude-from-backup': 'true' };

export const readOwn = (client: KubernetesClient, name: string): Promise<OwnConfigMap | undefined> =>
  readObject<OwnConfigMap>(client, `${COLLECTION}/${name}`);

/**
 * @param found what was there when the caller looked; undefined: nothing
 * @returns false when somebody else wrote between the look and the write: look again
 */
export async function writeOwn(
  client: KubernetesClient,
  name: string,
  data: Readonly<Record<string, string>>,
  found: OwnConfigMap | undefined,
): Promise<boolean> {
  const { resourceVersion } = found?.metadata ?? {};
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: NAMESPACE,
      labels,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    data,
  };
  if (found === undefined) await ensureNamespace(client);
  try {
    await client.call({
      method: found === undefined ? 'POST' : 'PUT',
      path: found === undefined ? COLLECTION : `${COLLECTION}/${name}`,
      body: JSON.stringify(object),
      patience: { busyMs: 30_000, passingMs: 0, doubtfulMs: 0 }, // a write of unknown outcome is looked at, not repeated
    });
    return true;
  } catch (error) {
    if (hasCode(error, 409)) return false;
    throw error;
  }
}

async function ensureNamespace(client: KubernetesClient): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } };
  try {
    await client.call({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: JSON.stringify(namespace),
      patience: { busyMs: 30_000, passingMs: 0, doubtfulMs: 5_000 },
    });
  } catch (error) {
    if (!hasCode(error, 409)) throw error;
  }
}
