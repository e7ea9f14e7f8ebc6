import type { Names } from './check-inventory.ts';
import type { Inventory } from './inventory.ts';
import { oneOf, seenText, type ProblemList, type Path } from './problem.ts';

/** What the section `kubernetes` names must exist: sites, clusters, hooks. */
export function checkKubernetes(
  { kubernetes }: Inventory,
  { sites, hooks }: Pick<Names, 'sites' | 'hooks'>,
  problems: ProblemList,
): void {
  if (kubernetes === undefined) return;
  const mustBe = (kind: string, known: readonly string[], name: string, path: Path) => {
    if (known.includes(name)) return;
    const expected = known.length === 0 ? `a ${kind}, of which there are none` : `a ${kind}: ${oneOf(known)}`;
    problems.add(['kubernetes', ...path], expected, seenText(name));
  };
  for (const [cluster, { site, nodePools }] of Object.entries(kubernetes.clusters)) {
    mustBe('site', sites, site, ['clusters', cluster, 'site']);
    for (const [pool, { hook }] of Object.entries(nodePools)) {
      if (hook !== undefined) mustBe('hook', hooks, hook, ['clusters', cluster, 'nodePools', pool, 'hook']);
    }
  }
  oneClusterEach(kubernetes, problems);
  for (const [location, { from }] of Object.entries(kubernetes.backupLocations)) {
    if (from !== undefined)
      mustBe('Kubernetes cluster', Object.keys(kubernetes.clusters), from, [
        'backupLocations',
        location,
        'from',
      ]);
  }
}

/** A manifest store follows one cluster at each epoch: of two in a site, the second one's captures would be refused. */
function oneClusterEach(
  { clusters, manifestStores }: NonNullable<Inventory['kubernetes']>,
  problems: ProblemList,
): void {
  if (Object.keys(manifestStores).length === 0) return;
  const first = new Map<string, string>();
  for (const [cluster, { site }] of Object.entries(clusters)) {
    const other = first.get(site);
    if (other === undefined) first.set(site, cluster);
    else
      problems.add(
        ['kubernetes', 'clusters', cluster, 'site'],
        `a site without another cluster (a manifest store follows one cluster; ${other} stands in ${site})`,
        seenText(site),
      );
  }
}
