import { describe, expect, it } from 'vitest';
import { differencesOf, withoutClusterFields } from '../../lab/kubernetes/compare-clusters.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';

const deployment = (over: Readonly<Record<string, unknown>> = {}): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop', labels: { app: 'cart' } },
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'main', image: 'a' }] } } },
  ...over,
});

describe('withoutClusterFields', () => {
  it('keeps what somebody wrote, and nothing else', () => {
    const live = deployment({
      metadata: {
        name: 'cart',
        namespace: 'shop',
        uid: '1',
        resourceVersion: '2',
        generation: 3,
        creationTimestamp: 'now',
        managedFields: [],
        labels: { app: 'cart', 'velero.io/restore-name': 'x' },
        annotations: { 'deployment.kubernetes.io/revision': '1' },
      },
      status: { replicas: 2 },
    });
    expect(withoutClusterFields(live)).toEqual(deployment());
  });

  it('ignores the address that each cluster gives a Service', () => {
    const service = (clusterIP: string): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a', namespace: 'b' },
      spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80 }] },
    });
    expect(withoutClusterFields(service('10.96.0.1'))).toEqual(withoutClusterFields(service('10.96.7.7')));
    const [headless, ordinary] = [service('None'), service('10.96.0.1')].map(withoutClusterFields);
    expect(headless && ordinary && differencesOf(headless, ordinary)).toEqual([
      'Service b/a: spec.clusterIP: expected "None", seen nothing',
    ]);
  });
});

describe('differencesOf', () => {
  it.each([
    ['nothing', deployment(), []],
    [
      'a value',
      deployment({ spec: { ...(deployment()['spec'] as object), replicas: 3 } }),
      ['Deployment shop/cart: spec.replicas: expected 2, seen 3'],
    ],
    [
      'a field too many',
      deployment({ spec: { ...(deployment()['spec'] as object), paused: true } }),
      ['Deployment shop/cart: spec.paused: expected nothing, seen true'],
    ],
    [
      'a list',
      deployment({ spec: { replicas: 2, template: { spec: { containers: [] } } } }),
      [
        'Deployment shop/cart: spec.template.spec.containers: expected [{"name":"main","image":"a"}], seen []',
      ],
    ],
  ])('names %s', (_, seen, differences) => {
    expect(differencesOf(deployment(), seen)).toEqual(differences);
  });
});
