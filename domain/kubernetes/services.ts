import type { CapturedServices } from '../schema/kubernetes.ts';
import { scaledBy, withoutReplicas } from './autoscaled.ts';
import { matchesLabels, parseSelector } from './label-selector.ts';
import { findingsOf } from './manifest-findings.ts';
import { groupOf, keyOf, type KubernetesObject } from './object.ts';
import type { ServiceName } from './store-records.ts';
import { isCaptured, stripped } from './strip.ts';

/**
 * Objects of a cluster, stripped and gathered into the services they belong to.
 * @param scaled keys of what autoscalers scale; by default, of those among the objects
 */
export function gatherServices(
  objects: readonly KubernetesObject[],
  settings: Pick<CapturedServices, 'namespaces' | 'serviceLabel'>,
  scaled: ReadonlySet<string> = scaledBy(objects),
): ReadonlyMap<ServiceName, readonly KubernetesObject[]> {
  const services = new Map<ServiceName, KubernetesObject[]>();
  for (const object of objects) {
    if (!isCaptured(object) || !matchesAny(settings.namespaces, object.metadata.namespace ?? '')) continue;
    const service = serviceOf(object, settings.serviceLabel);
    const members = services.get(service);
    const manifest = scaled.has(keyOf(object)) ? withoutReplicas(stripped(object)) : stripped(object);
    if (members === undefined) services.set(service, [manifest]);
    else members.push(manifest);
  }
  return services;
}

/**
 * Tells which objects come from the manifest store instead of the backup: those that captures record, and their owners'
 * children of the same kinds, which nobody brings back because their owners make them. What no capture would take
 * (Secrets, above all) is not the store's, whatever its labels.
 */
export function serviceRule({
  namespaces,
  selector,
  kinds,
}: Pick<CapturedServices, 'namespaces' | 'selector' | 'kinds'>): (object: KubernetesObject) => boolean {
  const requirements = parseSelector(selector) ?? [];
  const captured = new Set(kinds.map(({ apiVersion, kind }) => `${groupOf(apiVersion)}/${kind}`));
  return (object) =>
    captured.has(`${groupOf(object.apiVersion)}/${object.kind}`) &&
    matchesAny(namespaces, object.metadata.namespace ?? '') &&
    matchesLabels(requirements, object.metadata.labels ?? {}) &&
    findingsOf(stripped(object), '').length === 0;
}

/** By its label, or the object stands for itself: `shop/service.serving.knative.dev.cart`. */
function serviceOf(object: KubernetesObject, label: string): ServiceName {
  const namespace = object.metadata.namespace ?? '-';
  const named = object.metadata.labels?.[label];
  if (named !== undefined && named !== '') return `${namespace}/${named}`;
  const group = groupOf(object.apiVersion);
  const kind = `${object.kind.toLowerCase()}${group === '' ? '' : `.${group}`}`;
  return `${namespace}/${kind}.${object.metadata.name}`;
}

/** `*` stands for any number of characters. An empty list matches everything. */
export function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => toExpression(pattern).test(text));
}

const toExpression = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );
