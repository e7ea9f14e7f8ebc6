import type { CapturedServices } from '../schema/kubernetes.ts';
import { matchesLabels, negated, parseSelector } from './label-selector.ts';
import { groupOf, type KubernetesObject } from './object.ts';
import type { BackupItem, RestoreScope } from './restore-plan.ts';

export interface RestoreTurn<Item> {
  readonly items: readonly Item[];
  readonly scope: RestoreScope;
}

/**
 * Velero restores by kind, namespace and label, but never by name, and old services must not come back with what is
 * missing. So there is one Restore for what the services' selector does not match, which leaves out all that it
 * matches; one for matching objects of kinds that are never captured (a Secret, a Role of a service); and one for
 * matching objects of captured kinds, in their namespaces alone. Mostly only the first has something to do.
 */
export function restoreTurns<Item extends BackupItem & { readonly object: KubernetesObject }>(
  missing: readonly Item[],
  services: CapturedServices | undefined,
): readonly RestoreTurn<Item>[] {
  if (services === undefined) return missing.length === 0 ? [] : [{ items: missing, scope: {} }];
  const requirements = parseSelector(services.selector) ?? [];
  const captured = new Set(services.kinds.map(({ apiVersion, kind }) => `${groupOf(apiVersion)}/${kind}`));
  const turnOf = ({ labels, namespace, object }: Item) => {
    if (!matchesLabels(requirements, labels)) return 'others';
    const isCapturedKind = captured.has(`${groupOf(object.apiVersion)}/${object.kind}`);
    return isCapturedKind && namespace !== undefined ? 'captured' : 'uncaptured';
  };
  const groups = Map.groupBy(missing, turnOf);
  const turn = (name: ReturnType<typeof turnOf>, scope: (items: readonly Item[]) => RestoreScope) => {
    const items = groups.get(name);
    return items === undefined ? [] : [{ items, scope: scope(items) }];
  };
  return [
    ...turn('others', () => ({ anyOf: negated(requirements) })),
    ...turn('uncaptured', () => ({})),
    ...turn('captured', (items) => ({ namespaces: namespacesOf(items) })),
  ];
}

const namespacesOf = (items: readonly BackupItem[]): readonly string[] =>
  [...new Set(items.flatMap(({ namespace }) => namespace ?? []))].toSorted();
