import { expect, it } from 'vitest';
import { decideMesh, type MeshObserved } from '../../domain/kubernetes/decide-mesh.ts';
import type { ShiftMeshParameters } from '../../domain/kubernetes/parameters.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import { validInventory, validKubernetes } from '../schema/valid-texts.ts';
import { parse } from 'yaml';
import { stepInput } from './step-tools.ts';

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
  stamp: null,
  services: [service],
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
