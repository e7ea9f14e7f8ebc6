import type { Inventory } from './inventory.ts';
import { oneOf, seenText, type ProblemList, type Path } from './problem.ts';

/** What the section `kubernetes` names must exist: sites, clusters, hooks. */
export function checkKubernetes({ sites, hooks, kubernetes }: Inventory, problems: ProblemList): void {
  if (kubernetes === undefined) return;
  const mustBe = (kind: string, table: object, name: string, path: Path) => {
    const known = Object.keys(table);
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
  for (const [location, { from }] of Object.entries(kubernetes.backupLocations)) {
    if (from !== undefined)
      mustBe('Kubernetes cluster', kubernetes.clusters, from, ['backupLocations', location, 'from']);
  }
}
