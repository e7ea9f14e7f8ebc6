import type { ExpandContext } from './expand-context.ts';
import type { DatabaseCluster, Datasource } from './schema/inventory.ts';
import type { DatabaseSelector, DatasourceSelector } from './schema/step-with.ts';

export interface SelectedDatabase {
  readonly name: string;
  readonly cluster: DatabaseCluster;
  readonly primary: string;
  readonly primarySite: string;
}

export interface SelectedDatasource {
  readonly name: string;
  readonly datasource: Datasource;
  readonly cluster: DatabaseCluster;
  readonly fromSite: string;
}

/** Databases that shall be moved to `to`, found by where their primaries were observed, or are being left. */
export function selectDatabases(
  select: DatabaseSelector,
  to: string,
  context: ExpandContext,
): readonly SelectedDatabase[] {
  const names = Array.isArray(select)
    ? existing(select, 'databases', context)
    : Object.keys(context.inventory.databases);
  const selected = names.flatMap((name) => locatePrimary(name, to, context));
  if (Array.isArray(select)) return selected;
  const moving = selected.filter(({ cluster, primarySite }) =>
    'homeAt' in select
      ? cluster.homeSite === select.homeAt && primarySite !== to
      : primarySite === select.primaryAt && primarySite !== to,
  );
  if (moving.length === 0)
    context.note(
      'homeAt' in select
        ? `no database whose home is ${select.homeAt} has its primary elsewhere`
        : `no database has its primary in ${select.primaryAt}`,
    );
  return moving;
}

/**
 * Datasources of those databases, and of databases whose primary an earlier, unfinished run has moved already: their
 * consumers may still be on the old primary, and pushing again costs nothing where they are not.
 */
export function selectDatasources(
  select: DatasourceSelector,
  to: string,
  context: ExpandContext,
): readonly SelectedDatasource[] {
  const { datasources, databases } = context.inventory;
  const wanted = (name: string, datasource: Datasource): boolean => {
    if (Array.isArray(select)) return select.includes(name);
    if ('of' in select) return select.of.includes(datasource.database);
    const cluster = databases[datasource.database];
    const site = context.observed.databases[datasource.database]?.primarySite;
    if ('homeAt' in select) return cluster?.homeSite === select.homeAt;
    const couldHaveMoved = Object.values(cluster?.nodes ?? {}).some((node) => node.site === select.primaryAt);
    return site === select.primaryAt || (site === to && couldHaveMoved);
  };
  if (Array.isArray(select)) existing(select, 'datasources', context);
  else if ('of' in select) existing(select.of, 'databases', context, ['datasources', 'of']);
  return Object.entries(datasources).flatMap(([name, datasource]) => {
    const cluster = databases[datasource.database];
    if (cluster === undefined || !wanted(name, datasource)) return [];
    const primarySite = context.observed.databases[datasource.database]?.primarySite;
    return [{ name, datasource, cluster, fromSite: fromSite(select, cluster, primarySite, to) }];
  });
}

/** The site that consumers leave; where the primary has moved already, the one it must have come from. */
function fromSite(
  select: DatasourceSelector,
  cluster: DatabaseCluster,
  primarySite: string | undefined,
  to: string,
): string {
  const isLeft = !Array.isArray(select) && 'primaryAt' in select && select.primaryAt !== to;
  if (isLeft) return select.primaryAt;
  if (primarySite !== undefined && primarySite !== to) return primarySite;
  return Object.values(cluster.nodes).find((node) => node.site !== to)?.site ?? to;
}

function existing(
  names: readonly string[],
  kind: 'databases' | 'datasources',
  context: ExpandContext,
  path: readonly string[] = [kind],
): readonly string[] {
  const known = Object.keys(context.inventory[kind]);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    context.refuse(
      path,
      `${kind} of the inventory: ${known.join(', ') || 'there are none'}`,
      unknown.join(', '),
    );
  return names.filter((name) => known.includes(name));
}

/** A move to `to` that an earlier operation began is made again from where it began. */
function locatePrimary(name: string, to: string, context: ExpandContext): readonly SelectedDatabase[] {
  const cluster = context.inventory.databases[name];
  const seen = context.observed.databases[name];
  if (cluster === undefined) return [];
  const site = seen?.primary === undefined ? undefined : cluster.nodes[seen.primary]?.site;
  if (seen?.primary === undefined || site === undefined) {
    const why = seen?.because.join('; ') ?? '';
    context.refuse(
      ['databases'],
      `to find the primary of ${name} among ${Object.keys(cluster.nodes).join(', ')}`,
      seen?.primary ?? `none${why === '' ? '' : ` (${why})`}`,
    );
    return [];
  }
  const left = seen.unfinishedFrom;
  const leftSite = left === undefined ? undefined : cluster.nodes[left]?.site;
  if (site === to && left !== undefined && leftSite !== undefined && leftSite !== to)
    return [{ name, cluster, primary: left, primarySite: leftSite }];
  return [{ name, cluster, primary: seen.primary, primarySite: site }];
}
