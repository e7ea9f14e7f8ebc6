import { withoutReplicas } from './autoscaled.ts';
import { covers } from './covers.ts';
import { keyOf, mapping, textOf, type KubernetesObject } from './object.ts';
import type { BackupItem } from './restore-plan.ts';
import { isCaptured, stripped } from './strip.ts';

/**
 * Kinds of which only the presence counts, because each cluster fills in its own: volumes and what is bound to them,
 * jobs (they run once), requests for certificates; definitions have a look of their own (served versions).
 */
const neverCompared: readonly RegExp[] = [
  /^persistentvolume(claim)?s$/,
  /^jobs\.batch$/,
  /\.snapshot\.storage\.k8s\.io$/,
  /\.certificates\.k8s\.io$/,
  /^customresourcedefinitions\./,
];

/** Of the cluster itself: its addresses, its certificate authority, its proxies. */
const ofTheCluster = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

/** Keys and certificates that a cluster, or a controller in it, made for itself. */
const ownSecrets: readonly RegExp[] = [
  /^kubernetes\.io\/service-account-token$/,
  /^bootstrap\.kubernetes\.io\//,
  /^istio\.io\//,
];

const LEADER = 'control-plane.alpha.kubernetes.io/leader';
/** What controllers note down for themselves. */
const notes: readonly RegExp[] = [
  /^(field\.)?cattle\.io\//,
  /^openshift\.io\//,
  /^endpoints\.kubernetes\.io\//,
  /^autoscaling\.alpha\.kubernetes\.io\//,
  /^cloud\.google\.com\/neg-status$/,
];

/** Whether the content of an object counts that is there already, or only that it is there. */
export function isCompared(item: BackupItem, object: KubernetesObject): boolean {
  const { resource, namespace, name } = item;
  if (neverCompared.some((pattern) => pattern.test(resource))) return false;
  if (ofTheCluster.has(resource === 'namespaces' ? name : (namespace ?? ''))) return false;
  return isCaptured(object) && !isMadeByItsCluster(object);
}

function isMadeByItsCluster({ kind, metadata, type }: KubernetesObject): boolean {
  const { labels = {}, annotations = {}, namespace = '', name } = metadata;
  if (labels['kubernetes.io/bootstrapping'] !== undefined) return true;
  if (annotations['apf.kubernetes.io/autoupdate-spec'] === 'true') return true;
  if (annotations[LEADER] !== undefined) return true;
  if (kind !== 'Secret') return false;
  return (
    ownSecrets.some((pattern) => pattern.test(textOf(type))) ||
    annotations['cert-manager.io/certificate-name'] !== undefined ||
    (namespace.startsWith('knative-') && name.endsWith('-certs'))
  );
}

/**
 * Whether an object differs from the one of the same place in a backup. Two live objects are compared, each with what
 * its own server filled in: what only the live one has counts where nobody but a person puts it.
 * @param scaled keys of what autoscalers scale: their replicas are the load's
 */
export function isDifferent(
  live: KubernetesObject,
  backedUp: KubernetesObject,
  scaled: ReadonlySet<string>,
): boolean {
  const [seen, wanted] = [live, backedUp].map((object) => contentOf(object, scaled.has(keyOf(backedUp))));
  return !covers(seen, wanted) || hasMore(seen, wanted);
}

/** What counts of an object. */
function contentOf(object: KubernetesObject, isScaled: boolean): KubernetesObject {
  const clean = stripped(object);
  const annotations = Object.entries(clean.metadata.annotations ?? {}).filter(
    ([key]) => !notes.some((pattern) => pattern.test(key)),
  );
  const { rules: _rules, ...aggregated } = clean;
  const content = clean['aggregationRule'] === undefined ? clean : (aggregated as KubernetesObject);
  const { annotations: _annotations, ...metadata } = clean.metadata;
  const whole = { ...content, metadata: { ...metadata, annotations: Object.fromEntries(annotations) } };
  return isScaled ? withoutReplicas(whole) : whole;
}

/** Members in which no server fills in keys of its own. */
const personsOwn = new Set([
  'data',
  'binaryData',
  'matchLabels',
  'nodeSelector',
  'selector',
  'hard',
  'parameters',
]);

/** Whether the live one has entries of lists, or keys of such members, that the wanted one lacks. */
export function hasMore(live: unknown, wanted: unknown, parent = ''): boolean {
  if (Array.isArray(live) && Array.isArray(wanted)) {
    return live.length > wanted.length || wanted.some((entry, index) => hasMore(live[index], entry));
  }
  const [seen, asked] = [mapping(live), mapping(wanted)];
  return Object.entries(seen).some(([key, value]) => {
    if (key in asked) return hasMore(value, asked[key], key);
    return personsOwn.has(parent) || (personsOwn.has(key) && Object.keys(mapping(value)).length > 0);
  });
}
