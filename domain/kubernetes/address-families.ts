import { groupOf, mapping, type KubernetesObject } from './object.ts';

/**
 * Whether a cluster with one address family refuses the object. A headless Service without a selector asks for both
 * families by the server's own default and gets no address: each cluster takes it.
 */
export function needsBothFamilies({ apiVersion, kind, spec }: KubernetesObject): boolean {
  if (groupOf(apiVersion) !== '' || kind !== 'Service') return false;
  const { ipFamilyPolicy, clusterIP, selector } = mapping(spec);
  const hasSelector = Object.keys(mapping(selector)).length > 0;
  return ipFamilyPolicy === 'RequireDualStack' && (clusterIP !== 'None' || hasSelector);
}
