import { describe, expect, it } from 'vitest';
import { scaleOutNodes } from '../../activities/scale-out-nodes.ts';
import { shiftMesh } from '../../activities/shift-mesh.ts';
import type { Operation } from '../../domain/operation.ts';
import { killAt } from './kill-at.ts';
import { NODES, untilOutcome, type KillLab, type VictimName } from './kill-lab.ts';
import { NAMESPACE } from './kill-objects.ts';
import { stepInput, type StepInputOptions } from './step-tools.ts';
import { patiently } from './watch-restores.ts';

export function killingWhatCanBeUndone(
  scene: () => { readonly lab: KillLab; readonly operation: Operation },
): void {
  describe.each<VictimName>(['apiserver', 'etcd'])(
    'what can be undone, when %s is killed around its effect',
    (name) => {
      it('scales out, and in again', async () => {
        const { lab, operation } = scene();
        const { scale } = lab.parameters;
        const input = (more: StepInputOptions = {}) => stepInput(scale, { operation, ...more });
        const points = ['scaleOutNodes:scale:before', 'scaleOutNodes:scale:after'];
        const { killed, reached } = killAt(lab, name, points);
        await killAt(lab, 'object store', ['begin']).reached('begin'); // it tells what the nodes must hold
        const outcome = await untilOutcome(scaleOutNodes, input, reached);
        expect(killed).toEqual(points);
        expect(['done', 'already']).toContain(outcome.status);
        // Also after an attempt that found its own nodes there.
        expect(outcome).toMatchObject({ after: { asked: scale.pool.nodes }, snapshot: { asked: NODES } });
        const undone = await untilOutcome(
          scaleOutNodes,
          () => input({ mode: 'undo' }),
          async () => undefined,
        );
        expect(undone).toMatchObject({
          status: 'done',
          summary: `west/workers: asks for ${NODES} nodes again`,
        });
      }, 300_000);

      it('shifts a host, and back again', async () => {
        const { lab, operation } = scene();
        const input = (more: StepInputOptions = {}) => stepInput(lab.parameters.mesh, { operation, ...more });
        const points = ['shiftMesh:route:before', 'shiftMesh:route:after'];
        const { killed, reached } = killAt(lab, name, points);
        const outcome = await untilOutcome(shiftMesh, input, reached);
        expect(killed).toEqual(points);
        expect(['done', 'already']).toContain(outcome.status);
        expect(outcome).toMatchObject({
          after: { found: [`${NAMESPACE}/siteshift-cart.shop.example`], isRouted: true },
          snapshot: { route: null, visibilities: { cart: '' } },
        });
        const undone = await untilOutcome(
          shiftMesh,
          () => input({ mode: 'undo' }),
          async () => undefined,
        );
        expect(undone.status).toBe('done');
        const path = `/apis/networking.istio.io/v1/namespaces/${NAMESPACE}/virtualservices`;
        expect(await patiently(() => lab.cluster.api.list(path))).toEqual([]);
        const { metadata } = (await lab.present('service')).get('services/cart') ?? {};
        expect(metadata?.labels?.['networking.knative.dev/visibility']).toBeUndefined();
      }, 300_000);
    },
  );
}
