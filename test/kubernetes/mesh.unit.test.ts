import { expect, it } from 'vitest';
import { decideMesh, type MeshObserved } from '../../domain/kubernetes/decide-mesh.ts';
import type { ShiftMeshParameters } from '../../domain/kubernetes/parameters.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import { validInventory, validKubernetes } from '../schema/valid-texts.ts';
import { parse } from 'yaml';
import { operation, stepInput } from './step-tools.ts';

const { kubernetes } = inventorySchema.parse(parse(`${validInventory}${validKubernetes}`));
const west = kubernetes?.clusters['west'];
const mesh = kubernetes?.meshHosts['cart.example'];
if (west === undefined || mesh === undefined) throw new Error('the inventory of the test lacks them');
const parameters: ShiftMeshParameters = { clusterName: 'west', cluster: west, host: 'cart.example', mesh };
const service = { name: 'cart', isThere: false, isReady: false, because: 'is not there', visibility: '' };
const observed: MeshObserved = {
  host: 'cart.example',
  found: [],
  spec: null,
  isRouted: false,
  objections: [],
  stamp: null,
  clusterStamp: null,
  services: [service],
  former: null,
};

it('a precheck looks before the services are there, and says what it would wait for', () => {
  expect(decideMesh(observed, stepInput(parameters, { mode: 'precheck' }))).toEqual({
    kind: 'apply',
    will: [
      'wait for Knative Service cart: not there yet',
      'cart: make it cluster-local',
      'cart.example: create its VirtualService: all requests to cart',
    ],
  });
});

it('the step itself refuses a service that is not there, and waits for one that is not ready', () => {
  expect(decideMesh(observed, stepInput(parameters))).toMatchObject({ kind: 'refuse' });
  const starting = {
    ...observed,
    services: [{ ...service, isThere: true, because: 'no revision is ready' }],
  };
  expect(decideMesh(starting, stepInput(parameters))).toMatchObject({ kind: 'wait' });
  expect(decideMesh(starting, stepInput(parameters, { style: 'forced' }))).toMatchObject({ kind: 'apply' });
});

const ready = { ...service, isThere: true, isReady: true, because: '' };
const shifted: MeshObserved = {
  ...observed,
  found: ['shop/siteshift-cart.example'],
  isRouted: true,
  services: [{ ...ready, visibility: 'cluster-local' }],
};

it('a shift of our own that nobody reported can be undone all the same, one of somebody else is none of ours', () => {
  const former = { route: null };
  expect(decideMesh({ ...shifted, former }, stepInput(parameters))).toMatchObject({
    kind: 'already',
    snapshot: former,
  });
  expect(decideMesh(shifted, stepInput(parameters))).toEqual({
    kind: 'already',
    because: 'cart.example: its routes are as wanted',
  });
});

it.each(['stamp', 'clusterStamp'] as const)('a higher epoch as %s refuses a late operation', (where) => {
  const late = { ...observed, services: [ready], [where]: { epoch: 4, operation: 'run-4' } };
  expect(decideMesh(late, stepInput(parameters, { operation: operation(3) }))).toEqual({
    kind: 'refuse',
    reasons: [
      'cart.example: epoch 3 of operation run-3 refused: the target holds epoch 4 of operation run-4',
    ],
  });
  // A precheck has claimed nothing.
  const look = stepInput(parameters, { operation: operation(0), mode: 'precheck' });
  expect(decideMesh(late, look)).toMatchObject({ kind: 'apply' });
});

it('refuses to change what is not of this host alone', () => {
  const reason = 'cart.example: VirtualService shop/shared is of mail.example, too';
  const found = ['shop/shared'];
  const input = stepInput(parameters, { style: 'forced' });
  expect(decideMesh({ ...observed, services: [ready], found, objections: [reason] }, input)).toEqual({
    kind: 'refuse',
    reasons: [reason],
  });
});
