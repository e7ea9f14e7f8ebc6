import { isTakenBack, ownersGivenBack, takingBack } from '../../domain/kubernetes/former-route.ts';
import { stampOf } from '../../domain/kubernetes/marks.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { ShiftMeshParameters } from '../../domain/kubernetes/parameters.ts';
import { isRouted, meshManager } from '../../domain/kubernetes/virtual-service.ts';
import type { Json } from '../../domain/json.ts';
import type { Stamp } from '../../domain/operation.ts';
import type { Applied } from '../define-step.ts';
import { hasCode } from './api-error.ts';
import type { ApiCall, KubernetesClient } from './client.ts';
import { collectionPath, objectPath } from './discovery.ts';
import { virtualServices } from './mesh.ts';
import { readObject } from './read-object.ts';

export interface FormerRoute {
  /** As it was before the shift; null: there was none. */
  readonly route: KubernetesObject | null;
  readonly at: { readonly name: string; readonly namespace: string };
}

/** What came of the route, as the end of a sentence that begins with the host. */
type Undone = Pick<Applied, 'details' | 'evidence' | 'leftToDo'> & { readonly summary: string };

/**
 * Takes a shift of ours back from the route of a host, and nothing else from it. Whoever writes it between our look and
 * our write is looked at again.
 */
export async function undoRoute(
  client: KubernetesClient,
  { route, at }: FormerRoute,
  shift: { readonly stamp: Stamp; readonly parameters: ShiftMeshParameters },
): Promise<Undone> {
  const path = objectPath(virtualServices, { metadata: at });
  for (;;) {
    const live = await readObject(client, path);
    const undone =
      route === null
        ? await remove(client, path, live, shift.stamp)
        : await putBack(client, path, { former: route, live }, shift.parameters);
    if (undone !== undefined) return undone;
  }
}

/** A route that is not of this run is not removed: it is what serves the host now, and nothing would be left of it. */
async function remove(
  client: KubernetesClient,
  path: string,
  live: KubernetesObject | undefined,
  ours: Stamp,
): Promise<Undone | undefined> {
  const removed = { summary: 'its route is removed' };
  if (live === undefined) return removed;
  const { uid, resourceVersion, finalizers = [] } = live.metadata;
  const stamp = stampOf(live);
  if (stamp?.epoch !== ours.epoch || stamp.operation !== ours.operation) {
    const summary = 'its route is of somebody else by now, and left as it is';
    return {
      summary,
      leftToDo: [`${nameIn(client, live)} was made anew by somebody else: look whether it is right`],
    };
  }
  const body = JSON.stringify({ preconditions: { uid, resourceVersion } });
  if (!(await written(client, { method: 'DELETE', path, body }))) return undefined;
  if (finalizers.length === 0) return removed;
  return {
    summary: 'its route is removed once its finalizers are',
    leftToDo: [`${nameIn(client, live)} goes when its finalizers do: ${finalizers.join(', ')}`],
  };
}

async function putBack(
  client: KubernetesClient,
  path: string,
  { former, live }: { readonly former: KubernetesObject; readonly live: KubernetesObject | undefined },
  parameters: ShiftMeshParameters,
): Promise<Undone | undefined> {
  if (live === undefined) return makeAnew(client, former);
  const isBack = isTakenBack(former, live);
  const body = JSON.stringify(takingBack(former, live));
  if (!isBack && !(await written(client, patchOf(path, body)))) return undefined;
  await giveOwnersBack(client, path, former);
  const summary = 'its route is as it was';
  if (isBack || isRouted(live, parameters)) return { summary };
  return {
    summary,
    details: [
      `${nameIn(client, live)} was changed by somebody since the shift; what it said is in the evidence`,
    ],
    evidence: [
      { what: 'routes that were replaced', value: live['spec'] as Json, source: nameIn(client, live) },
    ],
  };
}

async function makeAnew(client: KubernetesClient, former: KubernetesObject): Promise<Undone | undefined> {
  const { managedFields: _, ...metadata } = former.metadata;
  const body = JSON.stringify({ ...former, metadata });
  const path = collectionPath(virtualServices, metadata.namespace);
  const isMade = await written(client, {
    method: 'POST',
    path: `${path}?fieldManager=${meshManager}`,
    body,
    patience: { busyMs: 30_000, passingMs: 0, doubtfulMs: 5_000 }, // "exists already" is to be looked at, not sat out
  });
  return isMade ? { summary: 'its route, which somebody had deleted, is made anew as it was' } : undefined;
}

/** After the values, and on its own: a patch that changes values signs them over to whoever sends it. */
async function giveOwnersBack(
  client: KubernetesClient,
  path: string,
  former: KubernetesObject,
): Promise<void> {
  for (;;) {
    const live = await readObject(client, path);
    const managedFields = live && ownersGivenBack(former, live);
    if (managedFields === undefined) return;
    const { resourceVersion } = live?.metadata ?? {};
    const body = JSON.stringify({ metadata: { managedFields, resourceVersion } });
    if (await written(client, patchOf(path, body))) return;
  }
}

const patchOf = (path: string, body: string): ApiCall => ({
  method: 'PATCH',
  path: `${path}?fieldManager=${meshManager}`,
  body,
  contentType: 'application/merge-patch+json',
});

/** @returns false when it is not any more what was looked at: look again */
async function written(client: KubernetesClient, call: ApiCall): Promise<boolean> {
  try {
    await client.call(call);
    return true;
  } catch (error) {
    const isMissing = hasCode(error, 404) && call.method !== 'POST'; // a POST that finds no namespace never will
    if (hasCode(error, 409) || isMissing) return false;
    throw error;
  }
}

const nameIn = (client: KubernetesClient, { metadata }: KubernetesObject): string =>
  `VirtualService ${metadata.namespace}/${metadata.name} on ${client.name}`;
