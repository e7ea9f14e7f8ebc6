import { describe, expect, it } from 'vitest';
import { isCompared, isDifferent } from '../../domain/kubernetes/existing-objects.ts';
import { contentTakenOver } from '../../domain/kubernetes/managed-fields.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../../domain/kubernetes/object.ts';
import { isRouteOfOurs, isShiftedRoute } from '../../domain/kubernetes/virtual-service.ts';

const object = (kind: string, more: object = {}, metadata: object = {}): KubernetesObject => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name: 'one', namespace: 'shop', ...metadata },
  ...more,
});
const none = new Set<string>();
const secret = (data: object, metadata: object = {}) => object('Secret', { type: 'Opaque', data }, metadata);

describe('isDifferent', () => {
  const differs = (live: KubernetesObject, backedUp: KubernetesObject, scaled: ReadonlySet<string> = none) =>
    isDifferent(live, backedUp, scaled);

  it.each<[string, object, object, boolean]>([
    ['the same', { a: 'MQ==' }, { a: 'MQ==' }, false],
    ['a rotated value', { a: 'MQ==' }, { a: 'Mg==' }, true],
    ['a key that is gone from the backup', { a: 'MQ==', b: 'MQ==' }, { a: 'MQ==' }, true],
    ['a key that only the backup has', {}, { a: 'MQ==' }, true],
    ['all keys gone from the backup', { a: 'MQ==' }, {}, true],
  ])('Secrets: %s', (_, live, backedUp, expected) => {
    expect(differs(secret(live), secret(backedUp))).toBe(expected);
  });

  it('sees content that is gone as a whole', () => {
    expect(differs(object('ConfigMap', { data: { a: '1' } }), object('ConfigMap'))).toBe(true);
    expect(differs(object('ConfigMap', { data: {} }), object('ConfigMap'))).toBe(false);
  });

  it('does not mind what a cluster owns, nor the marks of Velero, of ours, and notes of controllers', () => {
    const live = secret(
      { a: 'MQ==' },
      {
        uid: '1',
        resourceVersion: '7',
        labels: { 'velero.io/restore-name': 'r', tier: 'platform', added: 'by a controller' },
        annotations: { 'siteshift.dev/epoch': '2', 'openshift.io/sa.scc.mcs': 's0:c1' },
      },
    );
    const annotations = { 'openshift.io/sa.scc.mcs': 's0:c9' };
    const backedUp = secret({ a: 'MQ==' }, { uid: '2', labels: { tier: 'platform' }, annotations });
    expect(differs(live, backedUp)).toBe(false);
    expect(differs(live, secret({ a: 'MQ==' }, { labels: { tier: 'service' } }))).toBe(true);
  });

  it('does not mind addresses, what a newer server fills in, and the order in which it writes quantities', () => {
    const ports = [{ port: 80, targetPort: 80, protocol: 'TCP' }];
    const service = (spec: object) => object('Service', { spec: { selector: { app: 'a' }, ports, ...spec } });
    const live = { clusterIP: '10.0.0.1', internalTrafficPolicy: 'Cluster', ipFamilies: ['IPv4'] };
    expect(differs(service(live), service({ clusterIP: '10.9.9.9' }))).toBe(false);
    expect(differs(service({ selector: { app: 'a', canary: 'no' } }), service({}))).toBe(true);
    const quota = (cpu: string) => object('ResourceQuota', { spec: { hard: { cpu } } });
    expect(differs(quota('1'), quota('1000m'))).toBe(false);
  });

  const deployment = (replicas: number, env: readonly string[]) =>
    object('Deployment', {
      spec: {
        replicas,
        template: {
          spec: {
            containers: [{ name: 'main', image: 'a', env: env.map((name) => ({ name, value: '1' })) }],
          },
        },
      },
    });

  it('sees an entry of a list that is gone from the backup', () => {
    expect(differs(deployment(1, ['A', 'B']), deployment(1, ['A', 'B']))).toBe(false);
    expect(differs(deployment(1, ['A', 'B']), deployment(1, ['A']))).toBe(true);
    expect(differs(deployment(1, ['A']), deployment(1, ['A', 'B']))).toBe(true);
  });

  it('leaves the number of replicas to an autoscaler', () => {
    expect(differs(deployment(3, []), deployment(1, []))).toBe(true);
    expect(differs(deployment(3, []), deployment(1, []), new Set(['apps/Deployment/shop/one']))).toBe(false);
  });

  it('leaves the rules of an aggregated role to its controller', () => {
    const role = (verbs: readonly string[], aggregationRule?: object) =>
      object('ClusterRole', { rules: [{ verbs }], ...(aggregationRule && { aggregationRule }) });
    expect(differs(role(['get']), role(['list']))).toBe(true);
    expect(differs(role(['get'], {}), role(['list'], {}))).toBe(false);
  });
});

describe('isCompared', () => {
  const item = (resource: string, namespace = 'shop') => ({ resource, namespace, name: 'one', labels: {} });
  const plain = secret({ a: 'MQ==' });

  it.each([
    ['a Secret', item('secrets'), plain, true],
    ['a role', item('roles.rbac.authorization.k8s.io'), object('Role'), true],
    ['a volume', item('persistentvolumes'), object('PersistentVolume'), false],
    ['a claim', item('persistentvolumeclaims'), object('PersistentVolumeClaim'), false],
    ['a job', item('jobs.batch'), object('Job'), false],
    ['a definition', item('customresourcedefinitions.apiextensions.k8s.io'), object('X'), false],
    ['what is the cluster itself', item('configmaps', 'kube-system'), object('ConfigMap'), false],
    ['a child', item('secrets'), secret({}, { ownerReferences: [{ kind: 'A' }] }), false],
    ['what goes away', item('secrets'), secret({}, { deletionTimestamp: '2026-01-01' }), false],
    ['a token', item('secrets'), { ...plain, type: 'kubernetes.io/service-account-token' }, false],
    ["Istio's own authority", item('secrets'), { ...plain, type: 'istio.io/ca-root' }, false],
    [
      'an issued certificate',
      item('secrets'),
      secret({}, { annotations: { 'cert-manager.io/certificate-name': 'a' } }),
      false,
    ],
    [
      "a webhook's own certificate",
      item('secrets', 'knative-serving'),
      secret({}, { name: 'webhook-certs', namespace: 'knative-serving' }),
      false,
    ],
    [
      'who leads',
      item('configmaps'),
      object('ConfigMap', {}, { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }),
      false,
    ],
    [
      'a role of the server',
      item('clusterroles.rbac.authorization.k8s.io'),
      object('ClusterRole', {}, { labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } }),
      false,
    ],
  ])('%s: %#', (_, one, content, expected) => {
    expect(isCompared(one, content)).toBe(expected);
  });
});

describe('contentTakenOver', () => {
  const entry = (manager: string, fieldsV1: object, more: object = {}) =>
    ({
      manager,
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1,
      ...more,
    }) as ManagedFieldsEntry;

  it('signs content over to us, and leaves metadata and status with those who own them', () => {
    const labels = { 'f:labels': { 'f:a': {} }, 'f:finalizers': { 'v:"x"': {} } };
    const status = entry('controller', { 'f:status': { 'f:phase': {} } }, { subresource: 'status' });
    const managedFields = [
      entry('kubectl', { 'f:data': { 'f:a': {}, 'f:b': {} }, 'f:metadata': labels }),
      entry('operator', { 'f:data': { 'f:c': {} } }),
      entry(
        'siteshift',
        { 'f:data': { 'f:d': {} }, 'f:metadata': { 'f:annotations': {} } },
        { operation: 'Apply' },
      ),
      status,
    ];
    expect(contentTakenOver(object('ConfigMap', {}, { managedFields }))).toEqual([
      entry(
        'siteshift',
        {
          'f:data': { 'f:a': {}, 'f:b': {}, 'f:c': {}, 'f:d': {} },
          'f:metadata': { 'f:annotations': {} },
        },
        { operation: 'Apply' },
      ),
      entry('kubectl', { 'f:metadata': labels }),
      status,
    ]);
  });
});

it("a route is of ours when shiftMesh made it, not when it changed a team's", () => {
  const managedFields = [{ manager: 'siteshift-mesh' }];
  const names = ['siteshift-cart.shop.example', 'cart'];
  expect(names.map((name) => isRouteOfOurs(object('VirtualService', {}, { name, managedFields })))).toEqual([
    true,
    false,
  ]);
  expect(isRouteOfOurs(object('VirtualService', {}, { name: names[0] }))).toBe(false);
});

describe('isShiftedRoute', () => {
  it.each([
    ['a route that was shifted', 'VirtualService', 'siteshift-mesh', true],
    ["a team's", 'VirtualService', 'kubectl', false],
    ['a Knative Service with the label of a shift', 'Service', 'siteshift-mesh', false],
  ])('%s', (_, kind, manager, expected) => {
    const managedFields = [{ manager: 'kubectl' }, { manager }];
    expect(isShiftedRoute(object(kind, {}, { managedFields }))).toBe(expected);
  });
});
