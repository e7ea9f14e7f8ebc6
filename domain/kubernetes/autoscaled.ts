import { fieldManager, type StoredManifest } from './marks.ts';
import { groupOf, keyOf, mapping, textOf, type KubernetesObject, type ManagedFieldsEntry } from './object.ts';

/**
 * How many replicas an object has is its autoscaler's matter: it writes them through the scale subresource, all day. As
 * a part of the manifest they would be a new version with each change of load, and a conflict with each apply.
 */
export type Replicas = { readonly [key: string]: number };

/** Keys (`keyOf`) of what the autoscalers among these objects scale, whether that is among them or not. */
export function scaledBy(objects: Iterable<KubernetesObject>): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { apiVersion, kind, metadata, spec } of objects) {
    if (kind !== 'HorizontalPodAutoscaler' || groupOf(apiVersion) !== 'autoscaling') continue;
    const target = mapping(mapping(spec)['scaleTargetRef']);
    const group = groupOf(textOf(target['apiVersion']));
    keys.add([group, textOf(target['kind']), metadata.namespace ?? '', textOf(target['name'])].join('/'));
  }
  return keys;
}

/** How many replicas each of them runs now: with so many another cluster begins. */
export function replicasOf(objects: Iterable<KubernetesObject>, scaled: ReadonlySet<string>): Replicas {
  const replicas: Record<string, number> = {};
  for (const object of objects) {
    const seen = ownReplicas(object);
    if (seen !== undefined && scaled.has(keyOf(object))) replicas[keyOf(object)] = seen;
  }
  return replicas;
}

function ownReplicas(object: KubernetesObject): number | undefined {
  const { replicas } = mapping(object['spec']);
  return typeof replicas === 'number' ? replicas : undefined;
}

export function withoutReplicas(object: KubernetesObject): KubernetesObject {
  if (ownReplicas(object) === undefined) return object;
  const { replicas: _replicas, ...spec } = mapping(object['spec']);
  return { ...object, spec };
}

const withReplicas = (object: KubernetesObject, replicas: number): KubernetesObject => ({
  ...object,
  spec: { ...mapping(object['spec']), replicas },
});

/**
 * Manifests with the number of replicas that their objects begin with where they are not there yet. Bundles from before
 * this rule still hold a number of their own; the digest stays that of the bundle.
 */
export function beginningWith(
  manifests: readonly StoredManifest[],
  recorded: Replicas,
): readonly StoredManifest[] {
  const scaled = scaledBy(manifests.map(({ object }) => object));
  return manifests.map((manifest) => {
    const key = keyOf(manifest.object);
    const replicas = recorded[key];
    if (replicas === undefined && !scaled.has(key)) return manifest;
    const object = replicas === undefined ? manifest.object : withReplicas(manifest.object, replicas);
    return { ...manifest, object, isAutoscaled: true };
  });
}

/**
 * What is sent for an autoscaled object that is there: no number of replicas where somebody else holds it. Where only
 * we do (the autoscaler has had no reason to write yet), leaving it out would set it back to 1: so it is sent as it is.
 * @param fields the object's field managers as they are when we write
 */
export function leavingReplicas(
  wanted: KubernetesObject,
  live: KubernetesObject,
  fields: readonly ManagedFieldsEntry[],
): KubernetesObject {
  const isOurs = ({ manager, operation }: ManagedFieldsEntry) =>
    manager === fieldManager && operation === 'Apply';
  const isHeldByOthers = fields.some(
    (entry) => !isOurs(entry) && entry.fieldsV1?.['f:spec']?.['f:replicas'] !== undefined,
  );
  const seen = ownReplicas(live);
  return isHeldByOthers || seen === undefined ? withoutReplicas(wanted) : withReplicas(wanted, seen);
}
