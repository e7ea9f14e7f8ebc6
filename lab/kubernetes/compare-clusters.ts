import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { describeObject, type KubernetesObject } from './kubernetes-object.ts';
import { unreadyServices } from './platform.ts';

/** What a cluster was told, object by object, without what the cluster itself adds. Taken before a site is lost. */
export type Snapshot = ReadonlyMap<string, KubernetesObject>;

export interface Comparison {
  readonly objectsExpected: number;
  readonly objectsPresent: number;
  readonly objectsReady: number;
  /** `Deployment shop-cart/cart-01: spec.replicas: expected 2, seen 3`, also for what is missing or not ready. */
  readonly differences: readonly string[];
}

/** Reads objects as they are now. One that does not exist is not in the snapshot. */
export async function takeSnapshot(api: ApiClient, objects: readonly KubernetesObject[]): Promise<Snapshot> {
  const snapshot = new Map<string, KubernetesObject>();
  const queue = objects.values();
  const lane = async () => {
    for (const object of queue) {
      const live = await readObject(api, object);
      if (live !== undefined) snapshot.set(keyOf(object), withoutClusterFields(live));
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return snapshot;
}

/**
 * Compares a cluster with what another one held. The lab's own eye: it shares nothing with the product's comparison.
 * Differences in labels and annotations whose key matches `marks` are expected.
 */
export async function compareWithSnapshot(
  api: ApiClient,
  expected: Snapshot,
  marks: RegExp = /(^|\.)siteshift\b/,
): Promise<Comparison> {
  const objects = [...expected.values()];
  const seen = await takeSnapshot(api, objects);
  const differences: string[] = [];
  for (const [key, object] of expected) {
    const live = seen.get(key);
    if (live === undefined) differences.push(`${describeObject(object)}: missing`);
    else differences.push(...differencesOf(withoutMarks(object, marks), withoutMarks(live, marks)));
  }
  const present = objects.filter((object) => seen.has(keyOf(object)));
  const unready = await unreadyServices(api, present);
  return {
    objectsExpected: expected.size,
    objectsPresent: present.length,
    objectsReady: present.length - unready.length,
    differences: [...differences, ...unready.map((one) => `${one}: not ready`)],
  };
}

/** The fields in which two objects differ, one line each. */
export function differencesOf(expected: KubernetesObject, seen: KubernetesObject): string[] {
  return fieldDifferences(expected, seen, '').map((line) => `${describeObject(expected)}: ${line}`);
}

const keyOf = (object: KubernetesObject) => `${object.apiVersion} ${describeObject(object)}`;

async function readObject(api: ApiClient, object: KubernetesObject): Promise<KubernetesObject | undefined> {
  try {
    return await api.get(await api.pathOf(object));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Set by the cluster, not by whoever wrote the object. */
const CLUSTER_METADATA = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
  'ownerReferences',
];
const CLUSTER_SPEC = ['clusterIP', 'clusterIPs', 'finalizers'];
const CLUSTER_MARKS = /^(velero\.io\/|deployment\.kubernetes\.io\/|kubectl\.kubernetes\.io\/)/;

export function withoutClusterFields(object: KubernetesObject): KubernetesObject {
  const { status: _, metadata, spec, ...rest } = object;
  const cleaned = withoutMarks(
    { ...rest, metadata: without(metadata, CLUSTER_METADATA) } as KubernetesObject,
    CLUSTER_MARKS,
  );
  if (spec === undefined) return cleaned;
  // An address is the cluster's; that there is to be none is the team's word.
  const { clusterIP } = spec as { readonly clusterIP?: unknown };
  const headless = clusterIP === 'None' ? { clusterIP } : {};
  return { ...cleaned, spec: { ...without(spec, CLUSTER_SPEC), ...headless } };
}

/** Labels and annotations without those whose key matches; an empty set counts as none. */
function withoutMarks(object: KubernetesObject, marks: RegExp): KubernetesObject {
  const { labels, annotations, ...rest } = object.metadata;
  const keep = (set: Readonly<Record<string, string>> | undefined, name: string) => {
    const kept = Object.entries(set ?? {}).filter(([key]) => !marks.test(key));
    return kept.length === 0 ? {} : { [name]: Object.fromEntries(kept) };
  };
  return {
    ...object,
    metadata: { ...rest, ...keep(labels, 'labels'), ...keep(annotations, 'annotations') },
  };
}

function without(value: unknown, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => !names.includes(name)));
}

function fieldDifferences(expected: unknown, seen: unknown, path: string): string[] {
  if (isDeepStrictEqual(expected, seen)) return [];
  if (isRecord(expected) && isRecord(seen)) {
    const names = [...new Set([...Object.keys(expected), ...Object.keys(seen)])].toSorted();
    return names.flatMap((name) =>
      fieldDifferences(expected[name], seen[name], path === '' ? name : `${path}.${name}`),
    );
  }
  return [`${path}: expected ${brief(expected)}, seen ${brief(seen)}`];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const brief = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 120));
