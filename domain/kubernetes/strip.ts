import { groupOf, mapping, type KubernetesObject } from './object.ts';

/** Metadata that belongs to one instance of an object, not to what somebody wished it to be. */
export const ofOneInstance: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
]);

/** Metadata that belongs to one cluster or one moment. */
const clusterOwned = new Set([...ofOneInstance, 'managedFields', 'ownerReferences', 'finalizers']);

const foreignAnnotations: readonly RegExp[] = [
  /^siteshift\.dev\//,
  /^kubectl\.kubernetes\.io\/last-applied-configuration$/,
  /^kubectl\.kubernetes\.io\/restartedAt$/,
  /^deployment\.kubernetes\.io\//,
  /^deprecated\.daemonset\.template\.generation$/,
  /^pv\.kubernetes\.io\//,
  /^volume\.(beta\.)?kubernetes\.io\/(storage-provisioner|selected-node)$/,
  /^serving\.knative\.dev\/(creator|lastModifier)$/,
  /^velero\.io\//,
];
const foreignLabels: readonly RegExp[] = [/^velero\.io\//];

/** Fields that the cluster fills in itself, by group and kind; dots separate members. */
const assignedFields: Readonly<Record<string, readonly string[]>> = {
  // Not the policy for address families: which ones there are is the cluster's matter, how many the team's.
  '/Service': ['spec.clusterIP', 'spec.clusterIPs', 'spec.healthCheckNodePort', 'spec.ipFamilies'],
  '/PersistentVolumeClaim': ['spec.volumeName'],
  '/ServiceAccount': ['secrets'],
  '/Namespace': ['spec'],
};

/**
 * A live object as its team would have written it: without status, without what a cluster owns, without our marks.
 * Stripping twice is as good as once.
 */
export function stripped(object: KubernetesObject): KubernetesObject {
  const { status: _status, ...rest } = object;
  const { labels, annotations, ...metadata } = object.metadata;
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => !clusterOwned.has(key)));
  const clean = {
    ...rest,
    metadata: {
      ...kept,
      ...nonEmpty('labels', without(labels, foreignLabels)),
      ...nonEmpty('annotations', without(annotations, foreignAnnotations)),
    },
  };
  const kind = `${groupOf(object.apiVersion)}/${object.kind}`;
  const assigned = (assignedFields[kind] ?? []).reduce<unknown>(
    (value, path) => withoutPath(value, path.split('.')),
    clean,
  );
  return (kind === '/Service' ? asService(assigned, object) : assigned) as KubernetesObject;
}

function without(
  texts: Readonly<Record<string, string>> | undefined,
  foreign: readonly RegExp[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts ?? {}).filter(([key]) => !foreign.some((pattern) => pattern.test(key))),
  );
}

const nonEmpty = (key: string, members: Readonly<Record<string, string>>) =>
  Object.keys(members).length === 0 ? {} : { [key]: members };

function withoutPath(value: unknown, [head, ...tail]: readonly string[]): unknown {
  const members = mapping(value);
  if (head === undefined || !(head in members)) return value;
  const { [head]: inner, ...others } = members;
  return tail.length === 0 ? others : { ...others, [head]: withoutPath(inner, tail) };
}

/**
 * An address belongs to one cluster, but `None` is the team's own word: without it a headless Service would get an
 * address, and its pods lose their names. A node port that the standby has given to somebody else would make the whole
 * object fail.
 */
function asService(service: unknown, live: KubernetesObject): unknown {
  const spec = mapping(mapping(service)['spec']);
  const isHeadless = mapping(live['spec'])['clusterIP'] === 'None';
  const { ports } = spec;
  if (!isHeadless && !Array.isArray(ports)) return service;
  const kept = {
    ...spec,
    ...(isHeadless ? { clusterIP: 'None' } : {}),
    ...(Array.isArray(ports) ? { ports: ports.map((port) => withoutPath(port, ['nodePort'])) } : {}),
  };
  return { ...mapping(service), spec: kept };
}

/** Objects that others make: an owner's children, what is going away, and what each namespace gets by itself. */
export function isCaptured(object: KubernetesObject): boolean {
  if (object.metadata.deletionTimestamp !== undefined) return false;
  if ((object.metadata.ownerReferences ?? []).length > 0) return false;
  if (object.kind === 'ConfigMap' && object.metadata.name === 'kube-root-ca.crt') return false;
  if (object.kind === 'ConfigMap' && object.metadata.name === 'istio-ca-root-cert') return false;
  return !(
    object.kind === 'Service' &&
    groupOf(object.apiVersion) === '' &&
    object.metadata.name === 'kubernetes'
  );
}
