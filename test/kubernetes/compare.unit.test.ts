import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare } from '../../domain/kubernetes/compare.ts';
import { covers } from '../../domain/kubernetes/covers.ts';
import { contentDigest, marked, type StoredManifest } from '../../domain/kubernetes/marks.ts';
import { takenOver } from '../../domain/kubernetes/managed-fields.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { inStages, stageOf, stages } from '../../domain/kubernetes/stages.ts';

describe('covers', () => {
  it.each([
    ['defaults that the server added', { spec: { a: 1, type: 'ClusterIP' } }, { spec: { a: 1 } }, true],
    ['a changed value', { spec: { a: 2 } }, { spec: { a: 1 } }, false],
    ['a missing member', { spec: {} }, { spec: { a: 1 } }, false],
    [
      'a list in another order, by name',
      { l: [{ name: 'b' }, { name: 'a', x: 1 }] },
      { l: [{ name: 'a' }] },
      true,
    ],
    ['an entry of a list missing', { l: [{ name: 'b' }] }, { l: [{ name: 'a' }] }, false],
    [
      'ports by number, protocol filled in',
      { ports: [{ port: 80, protocol: 'TCP' }] },
      { ports: [{ port: 80 }] },
      true,
    ],
    ['plain lists count in order', { args: ['b', 'a'] }, { args: ['a', 'b'] }, false],
    ['plain lists count in length', { args: ['a', 'b'] }, { args: ['a'] }, false],
    [
      'quantities in two spellings',
      { limits: { cpu: '1', memory: '1Gi' } },
      { limits: { cpu: '1000m', memory: '1024Mi' } },
      true,
    ],
    ['texts that only look like quantities', { value: '1.1' }, { value: '1.10' }, false],
    [
      'an empty volume replaced by another',
      { v: [{ name: 'a', hostPath: {} }] },
      { v: [{ name: 'a', emptyDir: {} }] },
      false,
    ],
    ['null asks for absence', { a: {} }, { a: { b: null } }, true],
    ['null against a value', { a: { b: 1 } }, { a: { b: null } }, false],
    ['a text for a number', { a: '1' }, { a: 1 }, false],
  ])('%s', (_, live, wanted, expected) => {
    expect(covers(live, wanted)).toBe(expected);
  });

  it('always covers itself, whatever is added beside', () => {
    const member = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.jsonValue());
    fc.assert(
      fc.property(member, (value) => {
        expect(covers({ ...value, ' added': { by: 'the server' } }, value)).toBe(true);
      }),
    );
  });

  it('never covers a value that was changed anywhere', () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean());
    const shape = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 3 }),
      fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), leaf, { minKeys: 1 }),
      { minKeys: 1 },
    );
    fc.assert(
      fc.property(shape, fc.nat(), (value, pick) => {
        const places = Object.entries(value).flatMap(([outer, inner]) =>
          Object.keys(inner).map((key) => [outer, key] as const),
        );
        const [outer, key] = places[pick % places.length] ?? ['', ''];
        fc.pre(!['__proto__'].includes(outer) && key !== '__proto__');
        const changed = { ...value, [outer]: { ...value[outer], [key]: ['something else'] } };
        expect(covers(changed, value)).toBe(false);
      }),
    );
  });
});

const object: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cart', namespace: 'shop' },
  data: { level: 'info' },
};
const wanted: StoredManifest = { object, digest: contentDigest(object), version: { epoch: 3, sequence: 7 } };
const stamp = { epoch: 4, operation: 'run-4' };
const live = (change: Partial<KubernetesObject> = {}): KubernetesObject => ({
  ...marked(wanted, stamp),
  ...change,
});

describe('compare', () => {
  it('creates what is not there', () => {
    expect(compare(undefined, wanted, stamp)).toEqual({ kind: 'create' });
  });
  it('leaves alone what it applied before', () => {
    expect(compare(live(), wanted, stamp)).toEqual({ kind: 'unchanged' });
  });
  it('writes again what somebody changed since, although our digest still stands on it', () => {
    expect(compare(live({ data: { level: 'debug' } }), wanted, stamp)).toEqual({ kind: 'update' });
  });
  it('writes what it has never written', () => {
    expect(compare(object, wanted, stamp)).toEqual({ kind: 'update' });
  });
  it('refuses an object of a later epoch', () => {
    const verdict = compare(live(), wanted, { epoch: 3, operation: 'late' });
    expect(verdict).toEqual({
      kind: 'refused',
      because: 'ConfigMap shop/cart was written under epoch 4 by run-4, ours is 3',
    });
  });
  it('refuses to put an older manifest over a newer one', () => {
    const changed = { ...object, data: { level: 'warn' } };
    const older = { object: changed, digest: contentDigest(changed), version: { epoch: 3, sequence: 6 } };
    const verdict = compare(live(), older, stamp);
    expect(verdict).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('3.7, the store has only 3.6'),
    });
  });
  it('refuses what is being deleted', () => {
    const metadata = { ...live().metadata, deletionTimestamp: '2026-11-02T10:00:00Z' };
    expect(compare(live({ metadata }), wanted, stamp)).toMatchObject({ kind: 'refused' });
  });
});

describe('takenOver', () => {
  const managedFields = [
    {
      manager: 'kubectl',
      operation: 'Update' as const,
      fieldsV1: { 'f:data': { 'f:level': {}, 'f:gone': {} } },
    },
    {
      manager: 'helm',
      operation: 'Apply' as const,
      fieldsV1: { 'f:metadata': { 'f:labels': { 'f:velero.io/x': {}, 'f:app': {} } } },
    },
    {
      manager: 'controller',
      operation: 'Update' as const,
      subresource: 'status',
      fieldsV1: { 'f:status': {} },
    },
  ];
  const restored = live({
    metadata: {
      ...object.metadata,
      labels: { 'velero.io/restore-name': 'r' },
      resourceVersion: '9',
      managedFields,
    },
  });

  it('signs the fields of a restored object over to us, but not its status', () => {
    const fields = takenOver(restored);
    expect(fields?.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['siteshift', undefined],
      ['controller', 'status'],
    ]);
    expect(fields?.[0]?.fieldsV1).toEqual({
      'f:data': { 'f:level': {}, 'f:gone': {} },
      'f:metadata': { 'f:labels': { 'f:app': {} } },
    });
    expect(compare({ ...restored, data: {} }, wanted, stamp)).toMatchObject({
      kind: 'update',
      takeOver: { resourceVersion: '9' },
    });
  });
  it('has nothing to do for what was not restored, or is ours already', () => {
    expect(takenOver({ ...restored, metadata: { ...restored.metadata, labels: {} } })).toBeUndefined();
    const ours = [{ manager: 'siteshift', operation: 'Apply' as const, fieldsV1: {} }];
    expect(
      takenOver({ ...restored, metadata: { ...restored.metadata, managedFields: ours } }),
    ).toBeUndefined();
  });
});

describe('stages', () => {
  it.each([
    ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'definitions'],
    ['v1', 'Namespace', 'namespaces'],
    ['storage.k8s.io/v1', 'StorageClass', 'namespaces'],
    ['gateway.networking.k8s.io/v1', 'GatewayClass', 'namespaces'],
    ['v1', 'ConfigMap', 'config'],
    ['apps/v1', 'Deployment', 'workloads'],
    ['v1', 'Service', 'workloads'],
    ['serving.knative.dev/v1', 'Service', 'workloads'],
    ['example.com/v1', 'Thing', 'workloads'],
    ['networking.istio.io/v1', 'VirtualService', 'routes'],
    ['serving.knative.dev/v1beta1', 'DomainMapping', 'routes'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute', 'routes'],
    ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'webhooks'],
  ])('%s %s', (apiVersion, kind, stage) => {
    expect(stageOf({ apiVersion, kind })).toBe(stage);
  });

  it('come in an order in which each finds what it needs: routes after backends, webhooks last', () => {
    const kinds = [
      ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
      ['networking.istio.io/v1', 'VirtualService'],
      ['apps/v1', 'Deployment'],
      ['v1', 'ConfigMap'],
      ['v1', 'Namespace'],
      ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
    ] as const;
    const objects = kinds.map(([apiVersion, kind]) => ({ ...object, apiVersion, kind }));
    expect(inStages(objects).flatMap((one) => one.objects.map(({ kind }) => kind))).toEqual(
      kinds.map(([, kind]) => kind).toReversed(),
    );
  });

  it('keeps every object exactly once, in the order of the stages', () => {
    const kinds = fc.constantFrom('Namespace', 'ConfigMap', 'Service', 'Secret');
    fc.assert(
      fc.property(fc.array(kinds), (list) => {
        const objects = list.map((kind, index) => ({ ...object, kind, metadata: { name: `n${index}` } }));
        const staged = inStages(objects);
        expect(staged.flatMap((one) => one.objects).toSorted(byName)).toEqual(objects.toSorted(byName));
        const order = staged.map(({ stage }) => stages.indexOf(stage));
        expect(order).toEqual([...new Set(order)].toSorted((a, b) => a - b));
      }),
    );
  });
});

const byName = (a: KubernetesObject, b: KubernetesObject) => (a.metadata.name < b.metadata.name ? -1 : 1);
