import { describe, expect, it } from 'vitest';
import { readFilters, takes, type FilteredObject } from '../../domain/kubernetes/velero-filters.ts';

const deployment: FilteredObject = {
  resource: 'deployments.apps',
  kind: 'Deployment',
  namespace: 'istio-system',
  name: 'istiod',
  labels: { tier: 'platform' },
};
const role: FilteredObject = {
  resource: 'clusterroles.rbac.authorization.k8s.io',
  kind: 'ClusterRole',
  name: 'reader',
  labels: {},
};
const namespace: FilteredObject = {
  resource: 'namespaces',
  kind: 'Namespace',
  name: 'istio-system',
  labels: {},
};

describe('the filters of a backup', () => {
  it.each<[object, boolean, boolean, boolean]>([
    [{}, true, true, true],
    [{ includedNamespaces: ['*'] }, true, true, true],
    // Cluster-scoped objects come with all namespaces, or when asked for.
    [{ includedNamespaces: ['istio-*'] }, true, false, true],
    [{ includedNamespaces: ['istio-?ystem'], includeClusterResources: true }, true, true, true],
    [{ includedNamespaces: ['istio-[a-s]ystem'] }, true, false, true],
    [{ includedNamespaces: ['istio.system'] }, false, false, false],
    [{ excludedNamespaces: ['istio-*'], includeClusterResources: true }, false, true, false],
    [{ excludedNamespaces: ['kube-*'] }, true, false, true],
    [{ includeClusterResources: false }, true, false, false],
    [{ excludedResources: ['deployments'] }, false, true, true],
    [{ excludedResources: ['deployment.apps'] }, false, true, true],
    [{ excludedResources: ['*.rbac.authorization.k8s.io'] }, true, false, true],
    [{ includedResources: ['deployments.apps', 'namespaces'] }, true, false, true],
    [{ labelSelector: { matchLabels: { tier: 'platform' } } }, true, false, false],
    [{ labelSelector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } }, false, true, true],
    [
      { orLabelSelectors: [{ matchLabels: { tier: 'x' } }, { matchLabels: { tier: 'platform' } }] },
      true,
      false,
      false,
    ],
    [{ excludedNamespaceScopedResources: ['deployments.apps'] }, false, false, true],
    [{ includedNamespaceScopedResources: ['deployments.apps'] }, true, false, true],
    [{ includedClusterScopedResources: ['clusterroles.*'] }, true, true, true],
    [{ excludedClusterScopedResources: ['clusterroles.rbac.authorization.k8s.io'] }, true, false, true],
  ])('%j: a Deployment %s, a ClusterRole %s, a Namespace %s', (spec, ...expected) => {
    const filters = readFilters(spec);
    expect([deployment, role, namespace].map((one) => takes(filters, one))).toEqual(expected);
  });
});
