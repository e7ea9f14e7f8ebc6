import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep } from '../../activities/define-step.ts';
import { shiftMesh } from '../../activities/shift-mesh.ts';
import type { Operation } from '../../domain/operation.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { PUBLIC_GATEWAY } from '../../lab/kubernetes/service-objects.ts';
import type { KillLab } from './kill-lab.ts';
import { NAMESPACE } from './kill-objects.ts';
import { stepInput, stepTools, type StepInputOptions } from './step-tools.ts';

const HOST = 'undo.shop.example';
const PATH = `/apis/networking.istio.io/v1/namespaces/${NAMESPACE}/virtualservices`;
const MERGE = 'application/merge-patch+json';

const service: KubernetesObject = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name: 'undo', namespace: NAMESPACE },
  spec: { template: { spec: { containers: [{ image: 'registry.example/undo' }] } } },
};
const routing = {
  hosts: [HOST],
  gateways: [PUBLIC_GATEWAY],
  http: [{ name: 'old', route: [{ destination: { host: 'old' } }] }],
};
const route = (name: string, more: object = {}): KubernetesObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, namespace: NAMESPACE, ...more },
  spec: { ...routing, exportTo: ['.'] },
});

/** Between a shift and its undo lie minutes or hours in which others go on working with the same objects. */
export function undoingAmongOthers(
  scene: () => { readonly lab: KillLab; readonly operation: Operation },
): void {
  const api = () => scene().lab.cluster.api;
  const step = (options: StepInputOptions = {}) => {
    const { lab, operation } = scene();
    const { mesh } = lab.parameters;
    const parameters = { ...mesh, host: HOST, mesh: { ...mesh.mesh, service: 'undo' } };
    // Forced: nobody waits for pods here.
    return runStep(shiftMesh, stepInput(parameters, { operation, style: 'forced', ...options }), stepTools());
  };
  const shifted = async () => {
    const { status, snapshot } = await step();
    expect(status).toBe('done');
    return { mode: 'undo', snapshot: snapshot ?? null } as const;
  };
  const change = (name: string, patch: object) => api().call('PATCH', `${PATH}/${name}`, patch, MERGE);
  const live = (name: string) => api().get(`${PATH}/${name}`);
  const remove = async (name: string) => {
    await change(name, { metadata: { finalizers: null } });
    await api().delete(route(name));
  };

  describe('the undo of a shift, when others have been at it meanwhile', () => {
    const teams = route('undo', { labels: { team: 'cart' }, finalizers: ['shop.example/a'] });
    beforeAll(async () => {
      await api().apply(teams, 'team');
      await api().create(service);
    });
    afterAll(() => remove('undo'));

    it('puts back what the shift changed of a route, and leaves what others did to it', async () => {
      const back = await shifted();
      await change('undo', {
        metadata: { labels: { later: 'yes' }, annotations: { a: 'b' }, finalizers: ['shop.example/b'] },
        spec: { exportTo: ['*'] },
      });
      for (const attempt of ['first', 'repeated'])
        expect([attempt, await step(back)]).toMatchObject([
          attempt,
          { status: 'done', summary: `${HOST}: its route is as it was (${NAMESPACE}/undo)`, details: [] },
        ]);
      expect(await live('undo')).toMatchObject({
        metadata: { labels: { team: 'cart', later: 'yes' }, finalizers: ['shop.example/b'] },
        spec: { ...routing, exportTo: ['*'] },
      });
      expect((await live('undo')).metadata['annotations']).toEqual({ a: 'b' });
      // The team meets no conflict with a shift that is not there any more.
      const http = [{ name: 'next', route: [{ destination: { host: 'next' } }] }];
      const next = { ...route('undo'), spec: { ...routing, http } };
      const apply = `${PATH}/undo?fieldManager=team`;
      expect(await api().call('PATCH', apply, next, 'application/apply-patch+yaml')).toMatchObject({
        spec: { http },
      });
    });

    it('keeps as evidence what somebody had changed by hand', async () => {
      const before = (await live('undo'))['spec'];
      const back = await shifted();
      await change('undo', {
        spec: { http: [{ name: 'by hand', route: [{ destination: { host: 'x' } }] }] },
      });
      const undone = await step(back);
      expect(undone.details).toEqual([
        `VirtualService ${NAMESPACE}/undo on west was changed by somebody since the shift; what it said is in the evidence`,
      ]);
      expect(undone.evidence).toMatchObject([{ value: { http: [{ name: 'by hand' }] } }]);
      expect((await live('undo'))['spec']).toEqual(before);
    });

    it('makes a route anew that somebody deleted', async () => {
      await change('undo', { metadata: { finalizers: ['shop.example/a'] } });
      const { labels, finalizers } = (await live('undo')).metadata;
      const back = await shifted();
      await remove('undo');
      const undone = await step(back);
      expect(undone.summary).toBe(
        `${HOST}: its route, which somebody had deleted, is made anew as it was (${NAMESPACE}/undo)`,
      );
      expect((await live('undo')).metadata).toMatchObject({ labels, finalizers });
    });

    it('removes no route but its own', async () => {
      await remove('undo');
      const back = await shifted();
      const name = `siteshift-${HOST}`;
      await remove(name);
      await api().create(route(name));
      const undone = await step(back);
      expect(undone).toMatchObject({
        status: 'done',
        summary: `${HOST}: its route is of somebody else by now, and left as it is (${NAMESPACE}/${name})`,
        leftToDo: [
          `VirtualService ${NAMESPACE}/${name} on west was made anew by somebody else: look whether it is right`,
        ],
      });
      expect((await live(name))['spec']).toMatchObject({ http: routing.http });
      await remove(name);
      await api().create(route('undo'));
    });

    it('goes on with the others, and says so, when a service was deleted', async () => {
      const { mesh } = scene().lab.parameters;
      const canary = { service: 'undo', percent: 10 };
      const parameters = { ...mesh, host: HOST, canary };
      const { operation } = scene();
      const input = (more: StepInputOptions = {}) =>
        stepInput(parameters, { operation, style: 'forced', ...more });
      const { snapshot = null } = await runStep(shiftMesh, input(), stepTools());
      expect(snapshot).toMatchObject({ visibilities: { cart: '', undo: '' } });
      await api().delete(service);
      const undone = await runStep(shiftMesh, input({ mode: 'undo', snapshot }), stepTools());
      expect(undone).toMatchObject({
        status: 'done',
        summary: `${HOST}: its route is as it was (${NAMESPACE}/undo); deleted since the shift, and left so: Knative Service ${NAMESPACE}/undo`,
      });
      expect((await live('undo'))['spec']).toMatchObject(routing);
      const cart = (await scene().lab.present('service')).get('services/cart');
      expect(cart?.metadata.labels?.['networking.knative.dev/visibility']).toBeUndefined();
    });
  });
}
