import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observeCluster } from '../../activities/observe-databases.ts';
import { pointName } from '../../domain/promotion/points.ts';
import type { Inventory } from '../../domain/schema/inventory.ts';
import { selectDatabases } from '../../domain/select-databases.ts';
import type { StepInput } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import { attachReplica } from '../../lab/engines/topology.ts';
import {
  endPromotionAt,
  leaving,
  promote,
  promotedIn,
  startTestCluster,
  stepInput,
  stepTools,
  type TestCluster,
} from './test-cluster.ts';
import { startWriters, watchWritable, type Writers } from './writers.ts';

/** Where the first operation ends for good: nobody ever runs it again, as when its workflow is terminated. */
const planned = [
  'after-freeze',
  'after-point-siblings',
  'after-drop-source',
  'after-write-journal',
  'after-open',
];
const unplanned = ['after-revoke', 'after-drop-source', 'after-write-journal'];

for (const engine of ['mariadb', 'mysql'] as const) {
  describe(`what an operation that was ended in mid-promotion left on ${engine}, the next one finds and finishes`, () => {
    let cluster: TestCluster;
    let writers: Writers;
    let primary = 'east-1';
    let epoch = 10;
    beforeAll(async () => {
      cluster = await startTestCluster(engine, 'semisync');
      writers = await startWriters(cluster, { clients: 4, thinkMs: 10 });
      await writers.reach(40);
    });
    afterAll(async () => {
      await writers?.stop();
      await cluster?.close();
    });

    /** What a new run of `site-failover --from FROM --to TO` would plan for this database. */
    async function planAnew(style: 'graceful' | 'forced'): Promise<StepInput<PromoteDatabaseParameters>> {
      const { fromSite, toSite } = leaving(primary);
      const { database } = cluster.parameters();
      const seen = await observeCluster(cluster.cluster, stepTools());
      const [selected, ...more] = selectDatabases({ primaryAt: fromSite }, toSite, {
        inventory: { databases: { [database]: cluster.cluster } } as unknown as Inventory,
        observed: { databases: { [database]: seen }, gaps: [] },
        refuse: (_path, expected, saw) => expect.unreachable(`expected ${expected}, saw ${saw}`),
        note: (sentence) => expect.unreachable(`${sentence}: ${JSON.stringify(seen)}`),
      });
      expect(more).toEqual([]);
      const parameters = { primary: selected?.primary ?? '', fromSite, toSite };
      return stepInput(cluster.parameters(parameters), (epoch += 2), { style });
    }

    async function endAt(point: string, style: 'graceful' | 'forced'): Promise<void> {
      const parameters = cluster.parameters(leaving(primary));
      await endPromotionAt(point, stepInput(parameters, (epoch += 2), { style }));
    }

    const finished = async (input: StepInput<PromoteDatabaseParameters>, left: number): Promise<string> => {
      const outcome = await promote(input);
      expect(outcome).toMatchObject({ status: 'done', summary: expect.stringContaining('is primary at') });
      expect(outcome.leftToDo).toHaveLength(left);
      expect((await promote(input)).status).toBe('already');
      return promotedIn(outcome.summary);
    };

    it.each(planned)('in a planned move: %s', async (point) => {
      const watch = watchWritable(cluster);
      await endAt(point, 'graceful');
      const promoted = await finished(await planAnew('graceful'), 0);
      expect(await writers.missingOn(promoted)).toEqual([]);
      await writers.reach(writers.acknowledged + 20);
      await watch.stop();
      expect(watch.twice).toEqual([]);
      primary = promoted;
    });

    it('an opening is not made on the word of standbys that are just being moved', async () => {
      await endAt('after-write-journal', 'graceful');
      const points: string[] = [];
      const outcome = await promote(await planAnew('graceful'), {
        reached: async (point) => {
          // What the earlier operation had attached is still there, and still counted as one that acknowledges.
          if (point === pointName('before-stop-siblings')) await sleep(500);
          points.push(point);
        },
      });
      expect(outcome.status).toBe('done');
      const placeOf = (point: string) => points.indexOf(pointName(point));
      expect(placeOf('after-start-siblings')).toBeGreaterThan(-1);
      expect(placeOf('after-await-ackers')).toBeGreaterThan(placeOf('after-start-siblings'));
      primary = promotedIn(outcome.summary);
    });

    it('an open primary whose commits all hang, because nobody acknowledges, is given its standbys back', async () => {
      const input = stepInput(cluster.parameters(leaving(primary)), (epoch += 2));
      await endPromotionAt('after-open', input);
      const nodes = Object.keys(cluster.cluster.nodes);
      const closed: string[] = [];
      for (const node of nodes) {
        const [row] = await cluster.sql(node, 'SELECT @@GLOBAL.read_only AS closed');
        if (!['0', 'OFF'].includes(String(row?.['closed']))) closed.push(node);
      }
      expect(closed).toHaveLength(2);
      for (const node of closed) await cluster.sql(node, engine === 'mysql' ? 'STOP REPLICA' : 'STOP SLAVE');
      // Several groups of commits wait behind each other now; it is then that the binary log's status cannot be asked.
      const stuck = writers.acknowledged;
      await sleep(1_500);
      expect(writers.acknowledged - stuck).toBeLessThan(20);

      const outcome = await promote(input);
      expect(outcome.status).toBe('done');
      primary = promotedIn(outcome.summary);
      await writers.reach(writers.acknowledged + 20);
      expect(await writers.missingOn(primary)).toEqual([]);
    });

    it('or gives back, when it is aborted itself', async () => {
      await endAt('after-drop-source', 'graceful');
      const input = await planAnew('graceful');
      const undone = await promote({ ...input, mode: 'undo' });
      expect(undone.summary).toContain(`${primary} accepts writes as before`);
      await writers.reach(writers.acknowledged + 20);
      expect(await writers.missingOn(primary)).toEqual([]);
    });

    it.each(unplanned)('after the loss of the primary: %s', async (point) => {
      await writers.stop(); // with a write under way the old primary would come back with a row that nobody has
      const dead = cluster.node(primary);
      dead.process.kill();
      await dead.process.gone();
      await endAt(point, 'forced');
      const promoted = await finished(await planAnew('forced'), 1);
      expect(await writers.missingOn(promoted)).toEqual([]);
      await dead.process.restart();
      await attachReplica({
        replica: dead,
        source: cluster.node(promoted),
        accounts: cluster.lab.accounts,
      });
      primary = promoted;
      writers = await startWriters(cluster, { clients: 4, thinkMs: 10 });
      await writers.reach(20);
    });
  });
}
