import { describe, expect, it } from 'vitest';
import { isTakenBack, keptRoute, ownersGivenBack, takingBack } from '../../domain/kubernetes/former-route.ts';
import type { Fields, KubernetesObject, ManagedFieldsEntry } from '../../domain/kubernetes/object.ts';
import { meshManager } from '../../domain/kubernetes/virtual-service.ts';

const leaf: Fields = {};
const entry = (
  manager: string,
  fieldsV1: Fields,
  operation: 'Apply' | 'Update' = 'Apply',
): ManagedFieldsEntry => ({
  manager,
  operation,
  apiVersion: 'networking.istio.io/v1',
  fieldsType: 'FieldsV1',
  fieldsV1,
});
const team = { 'f:spec': { 'f:hosts': leaf, 'f:http': leaf, 'f:exportTo': leaf } };
const shift = { 'f:spec': { 'f:gateways': leaf, 'f:hosts': leaf, 'f:http': leaf } };
const route = (spec: object, metadata: object): KubernetesObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'cart', namespace: 'shop', ...metadata },
  spec,
});
const before = route(
  { hosts: ['cart'], http: ['old'], exportTo: ['.'] },
  {
    uid: 'u1',
    resourceVersion: '7',
    finalizers: ['a'],
    labels: { team: 'cart' },
    managedFields: [entry('team', team)],
  },
);
const former = keptRoute({ ...before, status: { conditions: [] } });
const live = route(
  { hosts: ['cart'], gateways: ['public'], http: ['new'], exportTo: ['*'] },
  {
    uid: 'u1',
    resourceVersion: '9',
    finalizers: ['b'],
    annotations: { 'siteshift.dev/epoch': '3', 'siteshift.dev/operation': 'run-3', theirs: 'yes' },
    managedFields: [
      entry('team', { 'f:spec': { 'f:exportTo': leaf } }),
      entry(meshManager, shift),
      entry('certificates', { 'f:metadata': { 'f:finalizers': leaf } }, 'Update'),
    ],
  },
);

describe('an undone shift', () => {
  it('keeps of a route all that somebody wished, and nothing of the one instance', () => {
    const { uid: _uid, resourceVersion: _version, ...metadata } = before.metadata;
    expect(former).toEqual({ ...before, metadata });
  });

  it('takes back what a shift sets, and names nothing else', () => {
    expect(takingBack(former, live)).toEqual({
      metadata: {
        resourceVersion: '9',
        annotations: { 'siteshift.dev/epoch': null, 'siteshift.dev/operation': null },
      },
      spec: { hosts: ['cart'], gateways: null, http: ['old'] },
    });
    expect([isTakenBack(former, live), isTakenBack(former, before)]).toEqual([false, true]);
  });

  it('gives each field back to whoever owned it, and leaves what others own by now', () => {
    const [, , certificates] = live.metadata.managedFields ?? [];
    const wanted = ownersGivenBack(former, live);
    expect(wanted).toEqual([entry('team', team), certificates]);
    const after = { ...live, metadata: { ...live.metadata, managedFields: wanted ?? [] } };
    expect(ownersGivenBack(former, after)).toBeUndefined();
  });

  it('gives fields back to one who owns nothing else by now, and to the shift before this one', () => {
    const first = entry(meshManager, shift);
    const second = entry(meshManager, shift, 'Update');
    const twice = keptRoute(route({}, { managedFields: [entry('kubectl', team, 'Update'), first] }));
    const now = route({}, { managedFields: [{ ...first, time: 'later' }, second] });
    expect(ownersGivenBack(twice, now)).toEqual([
      entry('kubectl', { 'f:spec': { 'f:hosts': leaf, 'f:http': leaf } }, 'Update'),
      first,
    ]);
  });

  it('leaves the owners alone where a snapshot of an earlier version says nothing of them', () => {
    expect(ownersGivenBack(route({}, {}), live)).toBeUndefined();
  });
});
