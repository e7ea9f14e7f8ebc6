import { describe, expect, it } from 'vitest';
import { matchesLabels, negated, parseSelector } from '../../domain/kubernetes/label-selector.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { restoreTurns } from '../../domain/kubernetes/restore-turns.ts';
import { wantedObjects } from '../../domain/kubernetes/wanted-objects.ts';
import { kubernetesSchema, type CapturedServices } from '../../domain/schema/kubernetes.ts';

const servicesWith = (more: object = {}): CapturedServices => {
  const given = { namespaces: ['shop-*'], selector: 'tier=service', ...more };
  const { services } = kubernetesSchema.parse({ services: given });
  if (services === undefined) throw new Error('expected services');
  return services;
};

interface Place {
  readonly resource: string;
  readonly kind: string;
  readonly apiVersion?: string;
  readonly namespace?: string;
  readonly tier?: string;
  readonly more?: object;
}
const item = ({ resource, kind, apiVersion = 'v1', namespace = 'shop-cart', tier, more = {} }: Place) => {
  const labels: Record<string, string> = tier === undefined ? {} : { tier };
  const metadata = { name: 'one', namespace, labels };
  const object = { apiVersion, kind, metadata, ...more } as KubernetesObject;
  return { resource, namespace, name: 'one', labels, object };
};
const configMap = (more: Partial<Place> = {}) => item({ resource: 'configmaps', kind: 'ConfigMap', ...more });
const secret = (more: Partial<Place> = {}) =>
  item({ resource: 'secrets', kind: 'Secret', more: { data: { a: 'YQ==' } }, ...more });

describe('wantedObjects', () => {
  const rules = { veleroNamespace: 'velero', services: servicesWith() };
  const ofRevision = {
    metadata: {
      name: 'one',
      namespace: 'shop-cart',
      ownerReferences: [{ apiVersion: 'serving.knative.dev/v1', kind: 'Revision', controller: true }],
    },
  };

  it.each([
    ['what captures take', configMap({ tier: 'service' }), false],
    ['another tier', configMap({ tier: 'platform' }), true],
    ['no label', configMap(), true],
    ['a namespace that captures do not look into', configMap({ tier: 'service', namespace: 'fleet' }), true],
    ['a kind that captures do not take', secret({ tier: 'service' }), true],
    [
      'what Knative makes by itself',
      item({ resource: 'deployments.apps', apiVersion: 'apps/v1', kind: 'Deployment', more: ofRevision }),
      false,
    ],
  ])('%s comes out of the backup: %s', (_, one, expected) => {
    expect(wantedObjects([one], rules, new Map())).toEqual(expected ? [one] : []);
  });

  it('leaves a route to shiftMesh that was as a shift left it: where it came back it would hide what was there', () => {
    const route = item({
      resource: 'virtualservices.networking.istio.io',
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
    });
    expect(wantedObjects([{ ...route, isShifted: true }, route], rules, new Map())).toEqual([route]);
  });

  it('has Secrets come out of the backup although captures look at them: none takes one in clear text', () => {
    const services = servicesWith({ kinds: [{ apiVersion: 'v1', kind: 'Secret' }] });
    const one = secret({ tier: 'service' });
    expect(wantedObjects([one], { veleroNamespace: 'velero', services }, new Map())).toEqual([one]);
  });

  it('leaves everything of the kinds to the store where there is no selector, and nothing without services', () => {
    const all = [configMap(), secret()];
    const services = servicesWith({ selector: '' });
    expect(wantedObjects(all, { veleroNamespace: 'velero', services }, new Map())).toEqual(all.slice(1));
    expect(wantedObjects(all, { veleroNamespace: 'velero' }, new Map())).toEqual(all);
  });
});

describe('restoreTurns', () => {
  it('has one Restore where nothing missing carries the services label', () => {
    const missing = [configMap(), secret()];
    expect(restoreTurns(missing, servicesWith())).toEqual([
      { items: missing, scope: { anyOf: [{ key: 'tier', operator: 'NotIn', values: ['service'] }] } },
    ]);
    expect(restoreTurns(missing, undefined)).toEqual([{ items: missing, scope: {} }]);
    expect(restoreTurns([], servicesWith())).toEqual([]);
    expect(restoreTurns([], undefined)).toEqual([]);
  });

  it('keeps old services out of each where something does', () => {
    const [plain, labelled, elsewhere] = [
      configMap(),
      secret({ tier: 'service' }),
      configMap({ tier: 'service', namespace: 'fleet' }),
    ];
    const turns = restoreTurns([plain, labelled, elsewhere], servicesWith());
    expect(turns.map(({ items, scope }) => [items, scope])).toEqual([
      [[plain], { anyOf: [{ key: 'tier', operator: 'NotIn', values: ['service'] }] }],
      [[labelled], {}],
      [[elsewhere], { namespaces: ['fleet'] }],
    ]);
  });
});

describe('a label selector', () => {
  const labels = { tier: 'service', 'example.com/team': 'a' };
  it.each([
    ['', true],
    ['tier=service', true],
    ['tier==service', true],
    ['tier = service', true],
    ['tier!=service', false],
    ['absent!=x', true],
    ['example.com/team in (a, b)', true],
    ['example.com/team notin (a,b),tier', false],
    ['tier,!absent', true],
    ['!tier', false],
    ['absent', false],
  ])('%j matches: %s, and fails one of its conditions turned round: the opposite', (text, expected) => {
    const requirements = parseSelector(text) ?? [];
    expect(matchesLabels(requirements, labels)).toBe(expected);
    expect(negated(requirements).some((one) => matchesLabels([one], labels))).toBe(!expected);
  });

  it.each(['tier=', 'a in (b', 'tier=service team=a', '=x', 'a > 1', 'a,,b', 'in (a)'])('%j', (text) => {
    expect(parseSelector(text) === undefined).toBe(text !== 'tier=');
  });
});
