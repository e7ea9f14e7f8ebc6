import { describe, expect, it } from 'vitest';
import { prepareStandby } from '../../activities/prepare-standby.ts';
import type { Operation } from '../../domain/operation.ts';
import type { StepOutcome } from '../../domain/step.ts';
import { killAt } from './kill-at.ts';
import { untilOutcome, VICTIMS, type KillLab, type VictimName } from './kill-lab.ts';
import { DEFINITIONS } from './kill-objects.ts';
import { killedWorker } from './killed-worker.ts';
import { stepInput } from './step-tools.ts';
import { patiently } from './watch-restores.ts';

const NAME = 'crates.kill.example';

export function killingWhileDefinitionsAreInstalled(
  scene: () => { readonly lab: KillLab; readonly operation: Operation },
): void {
  const points = ['prepareStandby:definitions:before', 'prepareStandby:definitions:after'];
  const input = () => stepInput(scene().lab.parameters.prepare, { operation: scene().operation });
  const live = () => patiently(() => scene().lab.cluster.api.get(`${DEFINITIONS}/${NAME}`));

  async function expectInstalled(outcome: StepOutcome | undefined): Promise<void> {
    expect(['done', 'already']).toContain(outcome?.status);
    expect(outcome?.after).toMatchObject({ definitions: expect.any(Number) as number, missing: [] });
    expect(await live()).toMatchObject({
      metadata: { generation: 1 },
      status: { acceptedNames: { kind: 'Crate' } },
    });
  }

  describe('prepareStandby', () => {
    it.each<VictimName>(VICTIMS)(
      'ends complete although %s is killed around the installation, the object store before it is read, too',
      async (name) => {
        const all = name === 'object store' ? ['begin', ...points] : points;
        const { lab } = scene();
        await lab.removeDefinitions();
        let installed: unknown;
        const { killed, reached } = killAt(lab, name, all, async () => {
          const found = await lab.cluster.api.list(DEFINITIONS);
          installed ??= found.find(({ metadata }) => metadata.name === NAME)?.metadata['uid'];
        });
        await reached('begin');
        await expectInstalled(await untilOutcome(prepareStandby, input, reached));
        expect(killed).toEqual(all);
        expect((await live()).metadata['uid']).toBe(installed); // the one of before the last kill
      },
      300_000,
    );

    it('ends complete although the worker is killed around the installation', async () => {
      await scene().lab.removeDefinitions();
      const { outcome, deaths } = await killedWorker(scene().lab, 'prepareStandby', points, input);
      expect(deaths).toBe(points.length);
      await expectInstalled(outcome);
    }, 300_000);
  });
}
