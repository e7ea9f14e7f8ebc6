import { demandOf, offeredBy, shortages, sum } from '../../domain/kubernetes/capacity.ts';
import { keyOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { ContainerDefaults } from '../../domain/kubernetes/pods.ts';
import {
  askedBy,
  claimsOf,
  quotaShortages,
  sumOf,
  type Amounts,
  type Coming,
  type Quota,
} from '../../domain/kubernetes/quota.ts';
import type { NodePool } from '../../domain/schema/kubernetes.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, resourceName } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { readLive } from './read-live.ts';
import { readDefaults, readQuotas } from './read-quotas.ts';

const KINDS_AT_ONCE = 4;

/**
 * What objects ask for beyond what the nodes of all pools will give together, named by resource.
 * @param who the objects, for people; by default the manifests
 */
export function nodeShortages(
  objects: readonly KubernetesObject[],
  pools: Readonly<Record<string, NodePool>>,
  who?: string,
): readonly string[] {
  const options = { where: describePools(pools), ...(who === undefined ? {} : { who }) };
  return shortages(sum(objects.map(demandOf)), offeredBy(Object.values(pools)), options);
}

export function describePools(pools: Readonly<Record<string, NodePool>>): string {
  const nodes = Object.values(pools).reduce((total, pool) => total + pool.nodes, 0);
  const names = Object.keys(pools);
  return `${nodes} nodes of pool${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
}

/**
 * What all that comes asks for beyond what the quotas of its namespaces still give, named by namespace, quota and
 * resource: pods and what they request, claims, and numbers of objects. Quotas count that come along themselves.
 */
export async function checkQuotas(
  client: KubernetesClient,
  coming: Coming,
): Promise<{ readonly quotas: number; readonly shortages: readonly string[] }> {
  const quotas = await readQuotas(client, coming);
  const asked = await askedOf(client, coming, quotas);
  const none: Amounts = new Map();
  return {
    quotas: quotas.length,
    shortages: quotas.flatMap((quota) => quotaShortages(quota, asked.get(quota.namespace) ?? none)),
  };
}

/** By namespace, of those that have quotas. */
async function askedOf(
  client: KubernetesClient,
  coming: Coming,
  quotas: readonly Quota[],
): Promise<ReadonlyMap<string, Amounts>> {
  if (quotas.length === 0) return new Map();
  const { applied, restored } = coming;
  const rules: Rules = {
    quotas: Map.groupBy(quotas, ({ namespace }) => namespace),
    defaults: await readDefaults(client, coming),
    overwritten: new Set(applied.map(keyOf)),
  };
  const withClaims = [...applied.flatMap(claimsOf), ...restored.flatMap((one) => [...claimsOf(one), one])];
  // What a StatefulSet's claim is called, a backup's is, too; and the apply has the last word.
  const all = new Map([...withClaims, ...applied].map((object) => [keyOf(object), object]));
  const limited = [...all.values()].filter((object) => rules.quotas.has(namespaceOf(object)));
  const kinds = Map.groupBy(limited, ({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  const asked: Asked[] = [];
  await inLanes(kinds.values(), KINDS_AT_ONCE, async (objects) => {
    asked.push(...(await askedOfKind(client, objects, rules)));
  });
  const namespaces = Map.groupBy(asked, ({ namespace }) => namespace);
  return new Map([...namespaces].map(([name, each]) => [name, sumOf(each.map(({ amounts }) => amounts))]));
}

interface Rules {
  readonly quotas: ReadonlyMap<string, readonly Quota[]>;
  readonly defaults: ReadonlyMap<string, ContainerDefaults>;
  /** Keys of what takes the place of what is there. */
  readonly overwritten: ReadonlySet<string>;
}
interface Asked {
  readonly namespace: string;
  readonly amounts: Amounts;
}
const namespaceOf = ({ metadata }: KubernetesObject): string => metadata.namespace ?? '';

/** Of objects of one kind; read on the cluster are only those that ask for something limited. */
async function askedOfKind(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
  { quotas, defaults, overwritten }: Rules,
): Promise<readonly Asked[]> {
  const [first] = objects;
  const served = first && (await discoveryOf(client).find(first.apiVersion, first.kind));
  const resource = served === undefined ? '' : resourceName(served);
  const ask = (object: KubernetesObject, there?: KubernetesObject) =>
    askedBy({ object, resource }, there, defaults.get(namespaceOf(object)));
  const counted = objects.filter((object) => {
    const limits = quotas.get(namespaceOf(object)) ?? [];
    return [...ask(object).keys()].some((name) => limits.some(({ hard }) => hard.has(name)));
  });
  const live = new Map<string, KubernetesObject>();
  if (served !== undefined)
    await readLive(client, served, counted, {}, (object) => void live.set(keyOf(object), object));
  return counted
    .filter((object) => !live.has(keyOf(object)) || overwritten.has(keyOf(object)))
    .map((object) => ({
      namespace: namespaceOf(object),
      amounts: ask(object, live.get(keyOf(object))),
    }));
}
