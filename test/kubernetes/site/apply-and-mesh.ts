import { describe, expect, it } from 'vitest';
import { applyManifests } from '../../../activities/apply-manifests.ts';
import { captureManifests } from '../../../activities/capture-manifests.ts';
import { runStep } from '../../../activities/define-step.ts';
import { shiftMesh } from '../../../activities/shift-mesh.ts';
import { compareWithSnapshot } from '../../../lab/kubernetes/compare-clusters.ts';
import { dyingAt, operation, stepInput, stepTools } from '../step-tools.ts';
import {
  lab,
  filled,
  expected,
  need,
  captureInput,
  applyParameters,
  meshParameters,
  onlyPlatform,
} from './scene.ts';

export function applyingAndShifting(): void {
  describe('applyManifests after the restore', () => {
    it('finds nothing to object to in a precheck, which changes nothing', async () => {
      const outcome = await runStep(
        applyManifests,
        stepInput(applyParameters(), { mode: 'precheck', operation: operation(0) }),
        stepTools(),
      );
      expect(outcome).toMatchObject({
        status: 'planned',
        before: { toCreate: filled.services.length, findingsTotal: 0, missingNamespaces: [] },
      });
      const { objectsPresent } = await compareWithSnapshot(lab.west.api, expected);
      expect(objectsPresent).toBe(onlyPlatform().size);
    });

    it('makes both clusters equal, object by object', async () => {
      const outcome = await runStep(applyManifests, stepInput(applyParameters()), stepTools());
      expect(outcome).toMatchObject({ status: 'done', after: { ready: filled.services.length } });
      expect(await compareWithSnapshot(lab.west.api, expected)).toEqual({
        objectsExpected: expected.size,
        objectsPresent: expected.size,
        objectsReady: expected.size,
        differences: [],
      });
    });

    it('keeps the lost site from overwriting the store from then on, whether or not the new primary is recorded', async () => {
      const late = await runStep(captureManifests, captureInput('east'), stepTools());
      expect(late).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('took the store over for west at epoch 2'),
      });
    });

    it('moves the store to the new primary: the lost site can no longer overwrite it', async () => {
      const outcome = await runStep(captureManifests, captureInput('west'), stepTools());
      expect(outcome).toMatchObject({ status: 'done', after: { storeEpoch: 2 } });
      const late = await runStep(captureManifests, captureInput('east'), stepTools());
      expect(late).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('took the store over for west at epoch 2'),
      });
    });
  });

  describe('shiftMesh', () => {
    const routesOf = async (host: string) =>
      (await lab.west.api.list('/apis/networking.istio.io/v1/virtualservices')).filter(({ spec }) =>
        (spec as { hosts: string[] }).hosts.includes(host),
      );

    it('refuses a late operation, also on a host that has no route yet', async () => {
      const { host } = meshParameters();
      const late = await runStep(
        shiftMesh,
        stepInput(meshParameters(), { operation: operation(1) }),
        stepTools(),
      );
      expect(late).toMatchObject({
        status: 'refused',
        summary: `${host}: epoch 1 of operation run-1 refused: the target holds epoch 2 of operation run-2`,
      });
      expect(await routesOf(host)).toEqual([]);
    });

    it('gives the host exactly one VirtualService and takes the service off the public gateway', async () => {
      const { host, mesh } = meshParameters();
      for (const point of ['shiftMesh:route:before', 'shiftMesh:route:after']) {
        const dead = runStep(shiftMesh, stepInput(meshParameters()), dyingAt(point));
        await expect(dead).rejects.toThrow(`died at ${point}`);
      }
      const outcome = await runStep(shiftMesh, stepInput(meshParameters()), stepTools());
      const visibilities = { [mesh.service]: '' };
      expect(outcome).toMatchObject({ status: 'done', snapshot: { route: null, visibilities } });
      const routes = await routesOf(host);
      expect(routes).toHaveLength(1);
      expect(routes[0]?.['spec']).toMatchObject({
        http: [{ rewrite: { authority: `${mesh.service}.${mesh.namespace}.svc.cluster.local` } }],
      });
      expect(await runStep(shiftMesh, stepInput(meshParameters()), stepTools())).toMatchObject({
        status: 'already',
        snapshot: { route: null, visibilities },
      });
    });

    it('moves a part to a canary by percent or by header, and undoes it from the snapshot', async () => {
      const { host, mesh } = meshParameters();
      const service = mesh.service.replace('-06', '-07');
      const before = need((await routesOf(host))[0]);
      const percent = stepInput(meshParameters({ canary: { service, percent: 20 } }), { step: 'percent' });
      // Nobody is told of this attempt's outcome; the next one finds the work done, and what was before it.
      await expect(runStep(shiftMesh, percent, dyingAt('shiftMesh:after-apply'))).rejects.toThrow('died');
      const byPercent = await runStep(shiftMesh, percent, stepTools());
      expect(byPercent).toMatchObject({ status: 'already', snapshot: { route: { spec: before['spec'] } } });
      expect((await routesOf(host))[0]?.['spec']).toMatchObject({
        http: [{ route: [{ weight: 80 }, { weight: 20 }] }],
      });
      const header = { name: 'X-Canary', value: 'yes' };
      const byHeader = await runStep(
        shiftMesh,
        stepInput(meshParameters({ canary: { service, header } }), { step: 'header' }),
        stepTools(),
      );
      expect((await routesOf(host))[0]?.['spec']).toMatchObject({
        http: [{ match: [{ headers: { 'x-canary': { exact: 'yes' } } }] }, { name: 'all' }],
      });
      for (const [canary, { snapshot }] of [
        [{ service, header }, byHeader],
        [{ service, percent: 20 }, byPercent],
      ] as const) {
        const undone = await runStep(
          shiftMesh,
          stepInput(meshParameters({ canary }), {
            mode: 'undo',
            ...(snapshot === undefined ? {} : { snapshot }),
          }),
          stepTools(),
        );
        expect(undone).toMatchObject({ status: 'done', details: [], evidence: [] });
      }
      const routes = await routesOf(host);
      expect(routes.map((route) => [route['spec'], route.metadata.annotations])).toEqual([
        [before['spec'], before.metadata.annotations],
      ]);
    });

    it('adds a gateway, and takes the host off none', async () => {
      const { host, mesh } = meshParameters();
      const more = { ...mesh, gateways: ['istio-system/internal'] };
      const outcome = await runStep(
        shiftMesh,
        stepInput(meshParameters({ mesh: more }), { step: 'gateway' }),
        stepTools(),
      );
      expect(outcome).toMatchObject({ status: 'done' });
      expect((await routesOf(host))[0]?.['spec']).toMatchObject({
        gateways: [...mesh.gateways, 'istio-system/internal'],
      });
    });

    it('refuses to change an object that is of another host, too, which keeps its routes', async () => {
      const { host } = meshParameters();
      const [route] = await routesOf(host);
      const { namespace, name } = need(route).metadata;
      const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/${name}`;
      const setHosts = (hosts: readonly string[]) =>
        lab.west.api.call('PATCH', path, { spec: { hosts } }, 'application/merge-patch+json');
      await setHosts([host, 'mail.shop.example']);
      const outcome = await runStep(shiftMesh, stepInput(meshParameters()), stepTools());
      expect(outcome).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining(`${name} is of mail.shop.example, too, which would lose its routes`),
      });
      expect((await routesOf('mail.shop.example'))[0]?.['spec']).toMatchObject({ http: [{ name: 'all' }] });
      await setHosts([host]);
    });

    it('refuses a host that two objects answer for, and a service that is not there', async () => {
      const { host, mesh } = meshParameters();
      const [route] = await routesOf(host);
      const second = { name: 'second', namespace: mesh.namespace };
      await lab.west.api.create({ ...need(route), metadata: second });
      const twice = await runStep(shiftMesh, stepInput(meshParameters()), stepTools());
      expect(twice).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('expected one VirtualService at these gateways, seen 2'),
      });
      await lab.west.api.delete({ ...need(route), metadata: second });
      const absent = await runStep(
        shiftMesh,
        stepInput(meshParameters({ canary: { service: 'nobody', percent: 1 } })),
        stepTools(),
      );
      expect(absent).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('Knative Service nobody is not there'),
      });
    });
  });
}
