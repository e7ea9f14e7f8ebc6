import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { hasCode } from './api-error.ts';
import type { KubernetesClient } from './client.ts';

/** The object at a path, or undefined where there is none (or not even its kind). */
export async function readObject<Read extends KubernetesObject = KubernetesObject>(
  client: KubernetesClient,
  path: string,
  signal?: AbortSignal,
): Promise<Read | undefined> {
  try {
    return await client.call<Read>({ method: 'GET', path, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (hasCode(error, 404)) return undefined;
    throw error;
  }
}
