import type { LabelRequirement } from './label-selector.ts';
import { matchesLabels } from './label-selector.ts';
import { list, mapping, textOf } from './object.ts';

/** What a backup was told to take, from its spec. Empty lists: all, as Velero reads them. */
export interface BackupFilters {
  readonly includedNamespaces: readonly string[];
  readonly excludedNamespaces: readonly string[];
  /** Of any scope; Velero allows either these two or the four below. */
  readonly includedResources: readonly string[];
  readonly excludedResources: readonly string[];
  readonly includedNamespaceScopedResources: readonly string[];
  readonly excludedNamespaceScopedResources: readonly string[];
  readonly includedClusterScopedResources: readonly string[];
  readonly excludedClusterScopedResources: readonly string[];
  /** null: only with all namespaces. */
  readonly includeClusterResources: boolean | null;
  /** One of them has to match; none: all objects do. */
  readonly selectors: readonly (readonly LabelRequirement[])[];
}

/** An object as filters look at it; `kind` in lower case is the singular that a filter may name. */
export interface FilteredObject {
  readonly resource: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function readFilters(backupSpec: unknown): BackupFilters {
  const spec = mapping(backupSpec);
  const texts = (key: string) => list(spec[key]).map((one) => textOf(one));
  const { includeClusterResources, labelSelector } = spec;
  const selectors = [
    ...(labelSelector === undefined ? [] : [labelSelector]),
    ...list(spec['orLabelSelectors']),
  ];
  return {
    includedNamespaces: texts('includedNamespaces'),
    excludedNamespaces: texts('excludedNamespaces'),
    includedResources: texts('includedResources'),
    excludedResources: texts('excludedResources'),
    includedNamespaceScopedResources: texts('includedNamespaceScopedResources'),
    excludedNamespaceScopedResources: texts('excludedNamespaceScopedResources'),
    includedClusterScopedResources: texts('includedClusterScopedResources'),
    excludedClusterScopedResources: texts('excludedClusterScopedResources'),
    includeClusterResources: typeof includeClusterResources === 'boolean' ? includeClusterResources : null,
    selectors: selectors.map(requirementsOf),
  };
}

function requirementsOf(selector: unknown): readonly LabelRequirement[] {
  const { matchLabels, matchExpressions } = mapping(selector);
  return [
    ...Object.entries(mapping(matchLabels)).map(([key, value]): LabelRequirement => ({
      key,
      operator: 'In',
      values: [textOf(value)],
    })),
    ...list(matchExpressions).map((one) => one as LabelRequirement), // the server has validated it
  ];
}

export const takesNamespace = (
  {
    includedNamespaces,
    excludedNamespaces,
  }: Pick<BackupFilters, 'includedNamespaces' | 'excludedNamespaces'>,
  namespace: string,
): boolean => passes([namespace], includedNamespaces, excludedNamespaces);

/** Whether a backup with these filters takes an object. */
export function takes(filters: BackupFilters, object: FilteredObject): boolean {
  const { resource, namespace, name, labels } = object;
  const place = resource === 'namespaces' ? name : namespace;
  if (place !== undefined && !takesNamespace(filters, place)) return false;
  const { selectors } = filters;
  if (selectors.length > 0 && !selectors.some((one) => matchesLabels(one, labels))) return false;
  return isScoped(filters) ? takesScoped(filters, object) : takesKind(filters, object);
}

const isScoped = (filters: BackupFilters): boolean =>
  [
    filters.includedNamespaceScopedResources,
    filters.excludedNamespaceScopedResources,
    filters.includedClusterScopedResources,
    filters.excludedClusterScopedResources,
  ].some(({ length }) => length > 0);

const isAll = (included: readonly string[], excluded: readonly string[]): boolean =>
  excluded.length === 0 && (included.length === 0 || (included.length === 1 && included[0] === '*'));

/** Without being asked, Velero takes cluster-scoped objects only with all namespaces. */
function takesKind(filters: BackupFilters, object: FilteredObject): boolean {
  const { includeClusterResources, includedResources, excludedResources } = filters;
  if (object.namespace === undefined && includeClusterResources !== true) {
    if (includeClusterResources === false) return false;
    const isWhole = isAll(filters.includedNamespaces, filters.excludedNamespaces);
    if (object.resource !== 'namespaces' && !isWhole) return false;
  }
  return passes(namesOf(object), includedResources, excludedResources);
}

function takesScoped(filters: BackupFilters, object: FilteredObject): boolean {
  const { includedNamespaceScopedResources: included, excludedNamespaceScopedResources: excluded } = filters;
  if (object.namespace !== undefined) return passes(namesOf(object), included, excluded);
  const { includedClusterScopedResources, excludedClusterScopedResources } = filters;
  if (matches(namesOf(object), excludedClusterScopedResources)) return false;
  const isWhole = isAll(filters.includedNamespaces, filters.excludedNamespaces) && isAll(included, excluded);
  if (isAll(includedClusterScopedResources, excludedClusterScopedResources) && isWhole) return true;
  return object.resource === 'namespaces' || matches(namesOf(object), includedClusterScopedResources);
}

/** Filters may leave the group away, or take the singular. */
function namesOf({ resource, kind }: FilteredObject): readonly string[] {
  const [plural = '', ...group] = resource.split('.');
  const singular = kind.toLowerCase();
  return [resource, plural, singular, [singular, ...group].join('.')];
}

const passes = (
  names: readonly string[],
  included: readonly string[],
  excluded: readonly string[],
): boolean => !matches(names, excluded) && (included.length === 0 || matches(names, included));

const matches = (names: readonly string[], patterns: readonly string[]): boolean =>
  patterns.some((pattern) => names.some((name) => globOf(pattern).test(name)));

/** Velero's wildcards: `*`, `?` and `[abc]`, with `[!abc]` for the others. */
function globOf(pattern: string): RegExp {
  const parts = pattern.split(/(\*|\?|\[[^\]]+\])/).map((part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (/^\[.+\]$/.test(part)) return part.replace(/^\[!/, '[^');
    return part.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  });
  return new RegExp(`^${parts.join('')}$`);
}
