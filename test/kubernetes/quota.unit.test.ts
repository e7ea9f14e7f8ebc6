import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { defaultsOf } from '../../domain/kubernetes/pods.ts';
import {
  askedBy,
  claimsOf,
  limitedResource,
  limitsOf,
  quotaShortages,
  takenBy,
  usedOf,
  type Counted,
} from '../../domain/kubernetes/quota.ts';

const counted = (resource: string, kind: string, more: object = {}, apiVersion = 'v1'): Counted => ({
  resource,
  object: { apiVersion, kind, metadata: { name: 'a', namespace: 'shop' }, ...more },
});
const workload = (spec: object, more: object = {}, apiVersion = 'apps/v1'): Counted =>
  counted('deployments.apps', 'Deployment', { spec, ...more }, apiVersion);
const asked = (one: Counted, live?: KubernetesObject) => Object.fromEntries(askedBy(one, live));

const containers = [
  { resources: { requests: { cpu: '250m', memory: '1Gi' } } },
  { resources: { limits: { cpu: '1', 'example.com/gpu': '1' } } },
];
const four = { replicas: 4, template: { spec: { containers } } };

describe('what an object asks of a quota', () => {
  it('is itself, its pods, and what those request and are limited to', () => {
    expect(asked(workload(four))).toEqual({
      'count/deployments.apps': 1,
      pods: 4,
      'count/pods': 4,
      'requests.cpu': 5,
      cpu: 5,
      'requests.memory': 4 * 2 ** 30,
      memory: 4 * 2 ** 30,
      'requests.example.com/gpu': 4,
      'limits.cpu': 4,
      'limits.example.com/gpu': 4,
    });
  });

  it('is what a container asks for that runs before the others, where that is more', () => {
    const before = { resources: { requests: { cpu: '3' } } };
    const beside = { restartPolicy: 'Always', resources: { requests: { cpu: '1' } } };
    const cpu = (...initContainers: readonly object[]) =>
      askedBy(workload({ template: { spec: { containers, initContainers } } })).get('requests.cpu');
    expect([cpu(), cpu(before), cpu(beside), cpu(before, beside)]).toEqual([1.25, 3, 2.25, 3]);
  });

  it('is what the namespace gives to containers that name nothing', () => {
    const range = (type: string, limits: object): KubernetesObject => ({
      ...counted('limitranges', 'LimitRange').object,
      spec: { limits: [{ type, ...limits }] },
    });
    const defaults = defaultsOf([
      range('Container', { defaultRequest: { cpu: '100m', memory: '1Mi' }, default: { memory: '2Mi' } }),
      range('Pod', { max: { cpu: '1' } }),
    ]);
    const one = (resources: object) => workload({ template: { spec: { containers: [{ resources }] } } });
    const seen = (resources: object) => {
      const all = askedBy(one(resources), undefined, defaults);
      return ['requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'].map((name) => all.get(name));
    };
    expect(seen({})).toEqual([0.1, 2 ** 20, undefined, 2 ** 21]);
    expect(seen({ limits: { cpu: '2' } })).toEqual([2, 2 ** 20, 2, 2 ** 21]);
    expect(seen({ requests: { cpu: '3' } })).toEqual([3, 2 ** 20, undefined, 2 ** 21]);
  });

  it.each<[string, Counted, object]>([
    ['a ConfigMap', counted('configmaps', 'ConfigMap'), { configmaps: 1, 'count/configmaps': 1 }],
    [
      'an object of a kind of its own',
      counted('carts.shop.example', 'Cart', {}, 'shop.example/v1'),
      { 'count/carts.shop.example': 1 },
    ],
    [
      'a claim',
      counted('persistentvolumeclaims', 'PersistentVolumeClaim', {
        spec: { storageClassName: 'fast', resources: { requests: { storage: '2Gi' } } },
      }),
      {
        persistentvolumeclaims: 1,
        'count/persistentvolumeclaims': 1,
        'requests.storage': 2 ** 31,
        'fast.storageclass.storage.k8s.io/requests.storage': 2 ** 31,
        'fast.storageclass.storage.k8s.io/persistentvolumeclaims': 1,
      },
    ],
    [
      'a Service with a balancer',
      counted('services', 'Service', { spec: { type: 'LoadBalancer', ports: [{}, {}] } }),
      { services: 1, 'count/services': 1, 'services.loadbalancers': 1, 'services.nodeports': 2 },
    ],
    [
      'a Knative Service that keeps two pods',
      counted(
        'services.serving.knative.dev',
        'Service',
        {
          spec: {
            template: {
              metadata: { annotations: { 'autoscaling.knative.dev/min-scale': '2' } },
              spec: { containers: [{}] },
            },
          },
        },
        'serving.knative.dev/v1',
      ),
      { 'count/services.serving.knative.dev': 1, pods: 2, 'count/pods': 2 },
    ],
    [
      'a kind that the cluster does not serve, and its pods',
      { ...workload({ template: { spec: { containers: [{}] } } }), resource: '' },
      { pods: 1, 'count/pods': 1 },
    ],
  ])('%s', (_, one, expected) => {
    expect(asked(one)).toEqual(expected);
  });

  it('is nothing more once its pods run, and the rest while some do', () => {
    const { object } = workload(four);
    const live = (spec: object, replicas: number) => ({ ...object, spec, status: { replicas } });
    const more = (there: KubernetesObject) => {
      const left = askedBy(workload(four), there);
      return ['count/deployments.apps', 'pods', 'requests.cpu', 'memory'].map((name) => left.get(name));
    };
    expect(more(live(four, 4))).toEqual([0, 0, 0, 0]);
    expect(more(live(four, 1))).toEqual([0, 3, 3.75, 3 * 2 ** 30]);
    expect(more(live({ ...four, replicas: 2 }, 2))).toEqual([0, 2, 2.5, 2 ** 31]);
    const metadata = { annotations: { 'autoscaling.knative.dev/min-scale': '2' } };
    const knative = workload({ template: { metadata, spec: { containers } } }, {}, 'serving.knative.dev/v1');
    const conditions = [{ type: 'Ready', status: 'True' }];
    expect(askedBy(knative, knative.object).get('pods')).toBe(2);
    expect(askedBy(knative, { ...knative.object, status: { conditions } }).get('pods')).toBe(0);
  });

  it('is the claims of a StatefulSet by the names that these will have', () => {
    const spec = {
      replicas: 2,
      ordinals: { start: 3 },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { storageClassName: 'fast' } }],
    };
    const { object } = counted('statefulsets.apps', 'StatefulSet', { spec }, 'apps/v1');
    expect(claimsOf(object).map(({ metadata, spec: claim }) => [metadata, claim])).toEqual([
      [{ namespace: 'shop', name: 'data-a-3' }, { storageClassName: 'fast' }],
      [{ namespace: 'shop', name: 'data-a-4' }, { storageClassName: 'fast' }],
    ]);
    expect(claimsOf(workload(four).object)).toEqual([]);
  });
});

describe('what is in use', () => {
  it('counts pods by themselves, and those that are over as objects only', () => {
    const pod = (phase: string) =>
      Object.fromEntries(takenBy(counted('pods', 'Pod', { spec: { containers }, status: { phase } })));
    expect(pod('Running')).toMatchObject({ pods: 1, 'count/pods': 1, 'requests.cpu': 1.25 });
    expect(pod('Succeeded')).toEqual({ 'count/pods': 1 });
    expect(Object.fromEntries(takenBy(workload(four)))).toEqual({ 'count/deployments.apps': 1 });
  });

  it.each([
    ['requests.cpu', 'pods'],
    ['memory', 'pods'],
    ['limits.memory', 'pods'],
    ['pods', 'pods'],
    ['count/deployments.apps', 'deployments.apps'],
    ['services.nodeports', 'services'],
    ['requests.storage', 'persistentvolumeclaims'],
    ['fast.storageclass.storage.k8s.io/persistentvolumeclaims', 'persistentvolumeclaims'],
    ['secrets', 'secrets'],
  ])('%s is about %s', (name, resource) => {
    expect(limitedResource(name)).toBe(resource);
  });
});

describe('quotaShortages', () => {
  const quota = (hard: object, used: object = {}, scope: object = {}) => {
    const { object } = counted('resourcequotas', 'ResourceQuota', {
      spec: { hard, ...scope },
      status: { used },
    });
    return {
      namespace: 'shop',
      name: 'compute',
      isComing: false,
      hard: limitsOf(object),
      used: usedOf(object),
    };
  };
  const want = askedBy(workload(four));

  it('names namespace, quota, resource, what is asked for and what is left', () => {
    const tight = quota({ 'requests.cpu': '6', pods: '4', memory: '4Gi' }, { 'requests.cpu': '1500m' });
    expect(quotaShortages(tight, want)).toEqual([
      'namespace shop, quota compute: requests.cpu: 5 asked for, 4.5 left',
    ]);
    const coming = { ...quota({ memory: '512Mi', 'count/deployments.apps': '0' }), isComing: true };
    expect(quotaShortages(coming, want)).toEqual([
      'namespace shop, quota compute (which comes along): memory: 4.0 GiB asked for, 512.0 MiB left',
      'namespace shop, quota compute (which comes along): count/deployments.apps: 1 asked for, 0 left',
    ]);
  });

  it.each<[string, object, object, object]>([
    ['enough of all', { 'requests.cpu': '5', pods: '4' }, {}, {}],
    ['only what is not asked for', { secrets: '0' }, {}, {}],
    ['for some pods only', { pods: '1' }, {}, { scopes: ['BestEffort'] }],
    ['for a class only', { pods: '1' }, {}, { scopeSelector: { matchExpressions: [] } }],
  ])('has nothing to say of a quota with %s', (_, hard, used, scope) => {
    expect(quotaShortages(quota(hard, used, scope), want)).toEqual([]);
  });

  it('takes more in use than there may be for nothing left', () => {
    expect(quotaShortages(quota({ pods: '2' }, { pods: '7' }), want)).toEqual([
      'namespace shop, quota compute: pods: 4 asked for, 0 left',
    ]);
  });
});
