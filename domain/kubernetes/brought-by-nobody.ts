import { mapping, type KubernetesObject } from './object.ts';
import { knativesChildren, workloadsChildren, type BackupItem } from './restore-plan.ts';
import { serviceRule } from './services.ts';
import type { RestoreRules } from './wanted-objects.ts';

interface Held extends BackupItem {
  readonly object: KubernetesObject;
}

/** One without an owner was made by somebody. */
const children = new Set([...workloadsChildren, ...knativesChildren]);

/**
 * What was made by hand of the kinds that no restore brings back. Velero takes a kind as a whole or leaves it, and the
 * old children of every controller would come along. Somebody has to see to them, so they are named.
 */
export function broughtByNobody<Item extends Held>(
  objects: readonly Item[],
  { veleroNamespace, services }: RestoreRules,
): readonly Item[] {
  const bare = new Set(
    objects
      .filter(({ resource, object }) => resource === 'services' && isWithoutSelector(object))
      .map(({ namespace, name }) => `${namespace}/${name}`),
  );
  const isOfServices = services === undefined ? () => false : serviceRule(services);
  return objects.filter(
    (item) =>
      item.namespace !== veleroNamespace &&
      isMadeByHand(item, bare) &&
      (item.object.metadata.ownerReferences ?? []).length === 0 &&
      item.object.metadata.deletionTimestamp === undefined &&
      !isOfServices(item.object),
  );
}

/** An ExternalName has no endpoints; `kubernetes` has those of the API server, which writes them itself. */
const isWithoutSelector = ({ spec, metadata }: KubernetesObject): boolean =>
  Object.keys(mapping(mapping(spec)['selector'])).length === 0 &&
  mapping(spec)['type'] !== 'ExternalName' &&
  metadata.name !== 'kubernetes';

/** @param bare `namespace/name` of the Services without a selector: nobody but a person fills their Endpoints */
function isMadeByHand(
  { resource, namespace, name, labels, object }: Held,
  bare: ReadonlySet<string>,
): boolean {
  switch (resource) {
    case 'endpoints':
      return bare.has(`${namespace}/${name}`);
    case 'endpointslices.discovery.k8s.io': {
      const manager = labels['endpointslice.kubernetes.io/managed-by'] ?? '';
      return name !== 'kubernetes' && !manager.endsWith('.k8s.io');
    }
    case 'apiservices.apiregistration.k8s.io':
      return labels['kube-aggregator.kubernetes.io/automanaged'] === undefined;
    case 'servicecidrs.networking.k8s.io':
      return name !== 'kubernetes';
    case 'pods': {
      const phase = mapping(object['status'])['phase'];
      return phase !== 'Succeeded' && phase !== 'Failed';
    }
    default:
      return children.has(resource);
  }
}
