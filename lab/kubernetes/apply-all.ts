import { setTimeout as sleep } from 'node:timers/promises';
import { MOST_CONNECTIONS, type ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { describeObject, type KubernetesObject } from './kubernetes-object.ts';

/** Applies objects with several requests in flight; the first failure ends it and names its object. */
export async function applyAll(
  api: ApiClient,
  objects: readonly KubernetesObject[],
  fieldManager: string,
): Promise<void> {
  const queue = objects.values();
  const lane = async () => {
    for (const object of queue) {
      await applyPatiently(api, object, fieldManager).catch((cause: unknown) => {
        throw new Error(`could not apply ${describeObject(object)}`, { cause });
      });
    }
  };
  await Promise.all(Array.from({ length: MOST_CONNECTIONS }, lane));
}

/** Right after a definition or a namespace was made, the server may answer 404 to what needs it. */
async function applyPatiently(api: ApiClient, object: KubernetesObject, fieldManager: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await api.apply(object, fieldManager);
      return;
    } catch (error) {
      const passes = error instanceof ApiError && (error.status === 404 || error.status === 429);
      if (!passes || attempt === 20) throw error;
      await sleep(250);
    }
  }
}
