import type { ExpandContext } from '../expand-context.ts';
import type { KubernetesCluster, KubernetesInventory } from '../schema/kubernetes.ts';

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
