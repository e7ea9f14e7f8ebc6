import { groupOf, type KubernetesObject } from './object.ts';

/** Objects by kind, as kubectl writes it: `ConfigMap`, `Service.serving.knative.dev`. */
export type KindCounts = { readonly [kind: string]: number };

export type KindLoss = {
  readonly kind: string;
  readonly stored: number;
  readonly seen: number;
};

export function kindName({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): string {
  const group = groupOf(apiVersion);
  return group === '' ? kind : `${kind}.${group}`;
}

export function countKinds(services: ReadonlyMap<string, readonly KubernetesObject[]>): KindCounts {
  const counts = new Map<string, number>();
  for (const object of [...services.values()].flat()) {
    const kind = kindName(object);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

/** Kinds of which a cluster has fewer than the store. */
export const lossesOf = (stored: KindCounts, seen: KindCounts): readonly KindLoss[] =>
  Object.entries(stored)
    .map(([kind, count]) => ({ kind, stored: count, seen: seen[kind] ?? 0 }))
    .filter((one) => one.seen < one.stored);

/** A cluster that is dying shows fewer and fewer objects; that must not empty the store that is to replace it. */
const FEW_GONE = 5;
const isMuch = (gone: number, stored: number): boolean => gone > Math.max(FEW_GONE, stored / 4);

/**
 * Why a capture may not be written without somebody's word; none when nothing much is lost. A service that loses one of
 * its objects is only a changed one, so each kind is counted, too; and a kind that is not served at all (its definition
 * was deleted, the server is starting) is asked about however few there were.
 */
export function refusedLosses(observed: {
  readonly cluster: string;
  readonly store: string;
  readonly stored: number;
  readonly gone: readonly string[];
  readonly goneTotal: number;
  readonly lost: readonly KindLoss[];
  /** Kinds that captures look for and the cluster does not serve. */
  readonly notServed: readonly string[];
}): readonly string[] {
  const { cluster, store, stored, gone, goneTotal, lost, notServed } = observed;
  const accept = 'accept acceptGone if they were removed on purpose';
  const first = gone.slice(0, 5).join(', ');
  return [
    ...(isMuch(goneTotal, stored)
      ? [`${cluster} lacks ${goneTotal} of the ${stored} services in ${store} (${first}…): ${accept}`]
      : []),
    ...lost.flatMap(({ kind, stored: had, seen }) => {
      if (notServed.includes(kind) && seen === 0)
        return [`${cluster} does not serve ${kind}, and ${store} holds ${had} of them: ${accept}`];
      if (!isMuch(had - seen, had)) return [];
      return [`${cluster} lacks ${had - seen} of the ${had} ${kind} in ${store}: ${accept}`];
    }),
  ];
}
