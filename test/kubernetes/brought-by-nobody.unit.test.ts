import { describe, expect, it } from 'vitest';
import { broughtByNobody } from '../../domain/kubernetes/brought-by-nobody.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';

interface Options {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly owner?: string;
  readonly more?: object;
}
const item = (resource: string, name: string, options: Options = {}) => {
  const { namespace = 'shop', labels = {}, owner, more = {} } = options;
  const ownerReferences = owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: owner }] };
  const metadata = { name, namespace, labels, ...ownerReferences };
  const object = { apiVersion: 'v1', kind: resource, metadata, ...more } as KubernetesObject;
  return { resource, name, namespace, labels, object };
};
const slice = (name: string, options?: Options) => item('endpointslices.discovery.k8s.io', name, options);
const managedBy = (manager: string) => ({ labels: { 'endpointslice.kubernetes.io/managed-by': manager } });
const apiService = (name: string, labels = {}) =>
  item('apiservices.apiregistration.k8s.io', name, { labels });
const services = [
  item('services', 'bare', { more: { spec: { ports: [{ port: 5432 }] } } }),
  item('services', 'cart', { more: { spec: { selector: { app: 'cart' } } } }),
  item('services', 'outside', { more: { spec: { type: 'ExternalName' } } }),
  item('services', 'kubernetes', { namespace: 'default', more: { spec: {} } }),
];

describe('broughtByNobody', () => {
  const rules = { veleroNamespace: 'velero' };

  it.each([
    ['a pod of nobody', item('pods', 'agent'), true],
    ['a pod of a ReplicaSet', item('pods', 'cart-1', { owner: 'ReplicaSet' }), false],
    ['a pod of a file on a node', item('pods', 'etcd', { owner: 'Node' }), false],
    ['a pod that is over', item('pods', 'once', { more: { status: { phase: 'Succeeded' } } }), false],
    ['a ReplicaSet of nobody', item('replicasets.apps', 'old'), true],
    ['a ReplicaSet of a Deployment', item('replicasets.apps', 'cart-1', { owner: 'Deployment' }), false],
    ['endpoints of a Service without selector', item('endpoints', 'bare'), true],
    ['endpoints of one with a selector', item('endpoints', 'cart'), false],
    ['endpoints of no Service', item('endpoints', 'gone'), false],
    ['endpoints of one that has none', item('endpoints', 'outside'), false],
    ['endpoints that Knative makes', item('endpoints', 'bare', { owner: 'ServerlessService' }), false],
    ['endpoints of the API server', item('endpoints', 'kubernetes', { namespace: 'default' }), false],
    ['a slice made by hand', slice('bare-1'), true],
    ['a slice of a tool', slice('bare-2', managedBy('tool.example')), true],
    ['a slice of a Service', slice('cart-x', { owner: 'Service' }), false],
    ['a slice of a controller', slice('cart-y', managedBy('endpointslice-controller.k8s.io')), false],
    ['the slice of the API server', slice('kubernetes', { namespace: 'default' }), false],
    ['a Route of nobody', item('routes.serving.knative.dev', 'alone'), true],
    ['a Route of a Service', item('routes.serving.knative.dev', 'cart', { owner: 'Service' }), false],
    ['a Configuration of nobody', item('configurations.serving.knative.dev', 'alone'), true],
    ['an APIService of an extension', apiService('v1beta1.metrics.k8s.io'), true],
    [
      'an APIService of the server',
      apiService('v1.apps', { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' }),
      false,
    ],
    ['more addresses for Services', item('servicecidrs.networking.k8s.io', 'more'), true],
    ['the addresses of the cluster', item('servicecidrs.networking.k8s.io', 'kubernetes'), false],
    ['a claim of a process', item('leases.coordination.k8s.io', 'leader'), false],
    ['a node', item('nodes', 'n1'), false],
    ['what a restore brings', item('configmaps', 'settings'), false],
    ["Velero's own", item('pods', 'velero', { namespace: 'velero' }), false],
  ])('%s: %j', (_, one, expected) => {
    expect(broughtByNobody([...services, one], rules)).toEqual(expected ? [one] : []);
  });

  it('leaves to the manifest store what captures record', () => {
    const route = item('routes.serving.knative.dev', 'alone', {
      more: { apiVersion: 'serving.knative.dev/v1', kind: 'Route' },
    });
    const kinds = [{ apiVersion: 'serving.knative.dev/v1', kind: 'Route' }];
    const { services: captured } = kubernetesSchema.parse({ services: { namespaces: ['shop'], kinds } });
    expect(broughtByNobody([route], rules)).toEqual([route]);
    expect(broughtByNobody([route], { ...rules, ...(captured && { services: captured }) })).toEqual([]);
  });
});
