import type { ExpandContext } from '../expand-context.ts';
import type { BackupLocation, KubernetesCluster, KubernetesInventory } from '../schema/kubernetes.ts';

/** The section, and its clusters in the site that a step means: at least one. */
export interface ClustersOfSite {
  readonly section: KubernetesInventory;
  readonly clusters: readonly (readonly [name: string, cluster: KubernetesCluster])[];
}

/** Nothing where there is no such cluster: the step then stands for nothing, and the plan says why. */
export function clustersOfSite(
  context: ExpandContext,
  key: 'to' | 'from' | 'at',
  site: string,
): ClustersOfSite | undefined {
  const { kubernetes: section, sites } = context.inventory;
  if (section === undefined) {
    context.note('the inventory has no section kubernetes');
    return undefined;
  }
  if (!Object.hasOwn(sites, site)) {
    context.refuse([key], `a site: ${Object.keys(sites).join(', ')}`, site);
    return undefined;
  }
  const clusters = Object.entries(section.clusters).filter(([, cluster]) => cluster.site === site);
  if (clusters.length > 0) return { section, clusters };
  context.note(`no Kubernetes cluster of the inventory stands in ${site}`);
  return undefined;
}

export const namesOf = (found: ClustersOfSite | undefined): readonly string[] | undefined =>
  found?.clusters.map(([name]) => name);

/**
 * The backup location of a name, or the only one there is; of several, the one in which those backups are that count.
 * @param writers the clusters that are left; undefined: all but those that the backup is for
 */
export function chosenLocation(
  target: ClustersOfSite,
  {
    wanted,
    writers,
  }: { readonly wanted: string | undefined; readonly writers?: readonly string[] | undefined },
  context: ExpandContext,
): readonly [string, BackupLocation] | undefined {
  const { backupLocations } = target.section;
  const writes = (cluster: string) =>
    writers?.includes(cluster) ?? namesOf(target)?.includes(cluster) === false;
  const found = chosenEntry(
    backupLocations,
    wanted ?? locationOf(backupLocations, writes),
    context,
    'location',
  );
  if (found === undefined) return undefined;
  const [name, { from }] = found;
  if (writers !== undefined && from !== undefined && !writers.includes(from))
    context.refuse(['location'], `one with backups of ${writers.join(', ')}`, `${name}, of ${from}`);
  return found;
}

/** The only one that is theirs alone, otherwise the only one that is everybody's. */
function locationOf(
  locations: KubernetesInventory['backupLocations'],
  writes: (cluster: string) => boolean,
): string | undefined {
  const all = Object.entries(locations);
  const theirs = all.filter(([, { from }]) => from !== undefined && writes(from));
  const fitting = theirs.length > 0 ? theirs : all.filter(([, { from }]) => from === undefined);
  return fitting.length === 1 ? fitting[0]?.[0] : undefined;
}

/** The entry of a name, or the only one there is. None at all is no mistake: the step then stands for nothing. */
export function chosenEntry<Entry>(
  table: Readonly<Record<string, Entry>>,
  name: string | undefined,
  context: ExpandContext,
  kind: 'location' | 'store',
): readonly [string, Entry] | undefined {
  const known = Object.entries(table);
  const found = name === undefined && known.length === 1 ? known[0] : known.find(([key]) => key === name);
  if (found !== undefined) return found;
  if (known.length === 0 && name === undefined)
    context.note(`the inventory has no ${kind === 'location' ? 'backup location' : 'manifest store'}`);
  else
    context.refuse(
      [kind],
      known.length === 0
        ? `a ${kind}, of which there are none`
        : `one of ${known.map(([key]) => key).join(', ')}`,
      name ?? 'nothing',
    );
  return undefined;
}
