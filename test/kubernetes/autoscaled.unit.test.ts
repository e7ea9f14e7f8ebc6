import { describe, expect, it } from 'vitest';
import { beginningWith, replicasOf, scaledBy } from '../../domain/kubernetes/autoscaled.ts';
import { compare } from '../../domain/kubernetes/compare.ts';
import { demandOf } from '../../domain/kubernetes/capacity.ts';
import { contentDigest, marked, type StoredManifest } from '../../domain/kubernetes/marks.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../../domain/kubernetes/object.ts';
import { gatherServices } from '../../domain/kubernetes/services.ts';
import { bundleText } from '../../domain/kubernetes/store-records.ts';

const deployment = (replicas?: number, image = 'cart:1'): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop' },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    template: { spec: { containers: [{ name: 'main', image }] } },
  },
});
const autoscaler = (scaleTargetRef: object): KubernetesObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'cart', namespace: 'shop' },
  spec: { scaleTargetRef, maxReplicas: 20 },
});
const ofCart = autoscaler({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart' });
const KEY = 'apps/Deployment/shop/cart';

describe('capturing what is autoscaled', () => {
  const captured = (objects: readonly KubernetesObject[], scaled?: ReadonlySet<string>) =>
    gatherServices(objects, { namespaces: [], serviceLabel: 'app' }, scaled).get('shop/deployment.apps.cart');

  it('makes no new version of a change of load, and keeps the number beside', () => {
    const [quiet, busy] = [3, 30].map((replicas) => captured([deployment(replicas), ofCart]) ?? []);
    expect(bundleText(quiet ?? [])).toBe(bundleText(busy ?? []));
    expect(replicasOf([deployment(30), ofCart], scaledBy([ofCart]))).toEqual({ [KEY]: 30 });
  });
  it('knows autoscalers that are not captured themselves, and leaves everything else its number', () => {
    expect(captured([deployment(3)], new Set([KEY]))).toEqual([deployment()]);
    expect(captured([deployment(3)])).toEqual([deployment(3)]);
    const others = [
      { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'cart' },
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'mail' },
    ].map(autoscaler);
    expect(captured([deployment(3), ...others])).toEqual([deployment(3)]);
  });
});

describe('applying what is autoscaled', () => {
  const stored = (object: KubernetesObject): StoredManifest => ({
    object,
    digest: contentDigest(object),
    version: { epoch: 1, sequence: 1 },
  });
  const begun = (object: KubernetesObject, replicas?: number): StoredManifest => {
    const recorded: Record<string, number> = replicas === undefined ? {} : { [KEY]: replicas };
    const [first] = beginningWith([stored(object), stored(ofCart)], recorded);
    if (first === undefined) throw new Error('there is one');
    return first;
  };
  const stamp = { epoch: 1, operation: 'run-1' };
  const live = (replicas: number, fields: readonly ManagedFieldsEntry[], of = stored(deployment())) => {
    const object = marked({ ...of, object: deployment(replicas) }, stamp);
    return { ...object, metadata: { ...object.metadata, resourceVersion: '7', managedFields: fields } };
  };
  const owns = (manager: string, operation: 'Apply' | 'Update', subresource = ''): ManagedFieldsEntry => ({
    manager,
    operation,
    subresource,
    fieldsV1: { 'f:spec': { 'f:replicas': {} } },
  });

  it('begins with as many as ran, counts them as demand, and keeps the digest of the store', () => {
    const manifest = begun(deployment(), 30);
    expect(manifest.object).toEqual(deployment(30));
    expect(manifest.digest).toBe(contentDigest(deployment()));
    expect(demandOf(manifest.object).pods).toBe(30);
    expect(compare(undefined, manifest, stamp)).toEqual({ kind: 'create' });
  });
  it('takes the number from a bundle of before, and from the store alone where only that knows', () => {
    expect(begun(deployment(4)).object).toEqual(deployment(4));
    const [alone] = beginningWith([stored(deployment())], { [KEY]: 9 });
    expect(alone).toMatchObject({ object: deployment(9), isAutoscaled: true });
    expect(beginningWith([stored(deployment(4))], {})).toEqual([stored(deployment(4))]);
  });
  it('has nothing to write because of the number alone', () => {
    const scaled = live(12, [owns('kube-controller-manager', 'Update', 'scale')]);
    expect(compare(scaled, begun(deployment(), 30), stamp)).toEqual({ kind: 'unchanged' });
  });
  it.each<[string, readonly ManagedFieldsEntry[], number | undefined]>([
    [
      'no number where the autoscaler wrote it',
      [owns('kube-controller-manager', 'Update', 'scale')],
      undefined,
    ],
    ['no number where somebody shares it', [owns('siteshift', 'Apply'), owns('helm', 'Apply')], undefined],
    ['the number as it is where only we hold it', [owns('siteshift', 'Apply')], 12],
    ['the number as it is where nobody holds it', [], 12],
  ])('sends %s', (_, fields, replicas) => {
    const next = begun(deployment(undefined, 'cart:2'), 30);
    expect(compare(live(12, fields), next, stamp)).toEqual({
      kind: 'update',
      sends: deployment(replicas, 'cart:2'),
    });
  });
  it('counts what is signed over to us from a restored object as ours', () => {
    const restored = live(12, [owns('kubectl', 'Update')]);
    const labels = { 'velero.io/restore-name': 'r' };
    const verdict = compare(
      { ...restored, metadata: { ...restored.metadata, labels } },
      begun(deployment(undefined, 'cart:2'), 30),
      stamp,
    );
    expect(verdict).toMatchObject({ sends: deployment(12, 'cart:2'), takeOver: { resourceVersion: '7' } });
  });
});
