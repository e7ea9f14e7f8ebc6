import { describe, expect, it } from 'vitest';
import { runStep } from '../../../activities/define-step.ts';
import { scaleOutNodes } from '../../../activities/scale-out-nodes.ts';
import { dyingAt, operation, stepInput, stepTools } from '../step-tools.ts';
import { lab, nodes, scaleParameters } from './scene.ts';

export function scalingOut(): void {
  describe('scaleOutNodes', () => {
    it('refuses what the quota of the pool does not give, and names it', async () => {
      const outcome = await runStep(scaleOutNodes, stepInput(scaleParameters({ maxNodes: 3 })), stepTools());
      expect(outcome).toMatchObject({
        status: 'refused',
        summary: 'nodes of west/workers: wanted are 6, the quota is 3',
      });
    });

    it('refuses nodes that are too small for what the manifests ask for, and names the resource', async () => {
      const small = { resources: { cpu: '1', memory: '64Gi' } };
      const outcome = await runStep(scaleOutNodes, stepInput(scaleParameters(small)), stepTools());
      expect(outcome.details).toEqual([
        expect.stringMatching(/^cpu of 6 nodes of pool workers: the manifests ask for \d+.*, there is 6$/),
      ]);
    });

    it('scales the pool, waits for every node, and keeps what the pool asked for although its worker dies', async () => {
      for (const point of ['scaleOutNodes:scale:before', 'scaleOutNodes:scale:after']) {
        const dead = runStep(scaleOutNodes, stepInput(scaleParameters()), dyingAt(point));
        await expect(dead).rejects.toThrow(`died at ${point}`);
      }
      const outcome = await runStep(scaleOutNodes, stepInput(scaleParameters()), stepTools());
      // Before the first look of an attempt that has only the rest to do, all nodes may be there.
      expect(['done', 'already']).toContain(outcome.status);
      expect(outcome).toMatchObject({ after: { asked: nodes, ready: nodes }, snapshot: { asked: 1 } });
      expect(await runStep(scaleOutNodes, stepInput(scaleParameters()), stepTools())).toMatchObject({
        status: 'already',
        snapshot: { asked: 1 },
      });
      const other = await runStep(
        scaleOutNodes,
        stepInput(scaleParameters(), { step: 'other' }),
        stepTools(),
      );
      expect(other).toMatchObject({ status: 'already' });
      expect(other.snapshot).toBeUndefined();
    });

    it('takes the quorum after the deadline and names the nodes that are missing', async () => {
      const pool = '/apis/lab.siteshift.test/v1/namespaces/node-pools/nodepools/workers';
      await lab.west.api.call(
        'PATCH',
        pool,
        { spec: { deadReplicas: nodes + 1 } },
        'application/merge-patch+json',
      );
      const more = { nodes: nodes + 1, deadlineMs: 5_000 };
      const few = await runStep(
        scaleOutNodes,
        stepInput(scaleParameters({ ...more, quorum: 1 }), { step: 'more' }),
        stepTools(),
      );
      expect(few).toMatchObject({ status: 'failed' });
      expect(few.snapshot).toBeUndefined();
      expect(few.summary).toMatch(
        /expected at least 7 of 7 nodes ready, seen 6: workers-0007: Ready not reported yet/,
      );
      const enough = await runStep(
        scaleOutNodes,
        stepInput(scaleParameters({ ...more, quorum: 0.8 }), { step: 'more' }),
        stepTools(),
      );
      expect(enough).toMatchObject({
        status: 'done',
        leftToDo: [expect.stringContaining('workers-0007'), expect.any(String)],
      });
      const stale = { mode: 'undo', step: 'more', operation: operation(1) } as const;
      expect(
        await runStep(scaleOutNodes, stepInput(scaleParameters(more), stale), stepTools()),
      ).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('the target holds epoch 2 of operation run-2'),
      });
      // As after the attempt that failed: it has handed back no snapshot.
      const undone = await runStep(
        scaleOutNodes,
        stepInput(scaleParameters(more), { mode: 'undo', step: 'more' }),
        stepTools(),
      );
      expect(undone).toMatchObject({ status: 'done', summary: 'west/workers: asks for 6 nodes again' });
    });
  });
}
