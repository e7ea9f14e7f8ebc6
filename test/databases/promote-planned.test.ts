import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pointName } from '../../domain/promotion/points.ts';
import {
  backParameters,
  endSessions,
  oldJournal,
  promote,
  startTestCluster,
  stepInput,
  type TestCluster,
} from './test-cluster.ts';
import { startWriters, watchWritable } from './writers.ts';

/** The western nodes whose replication is set up and set going. */
async function followers(cluster: TestCluster): Promise<readonly string[]> {
  const statement = cluster.engine === 'mysql' ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS';
  const found: string[] = [];
  for (const name of ['west-1', 'west-2']) {
    const [row] = await cluster.sql(name, statement, 'root');
    const isOn = (row?.['Replica_IO_Running'] ?? row?.['Slave_IO_Running'] ?? 'No') !== 'No';
    if (isOn && (row?.['Source_Port'] ?? row?.['Master_Port']) === cluster.node('east-1').port)
      found.push(name);
  }
  return found;
}

for (const engine of ['mariadb', 'mysql'] as const) {
  for (const durability of ['semisync', 'async'] as const) {
    describe(`a planned promotion of ${engine}, ${durability}`, () => {
      let cluster: TestCluster;
      beforeAll(async () => {
        cluster = await startTestCluster(engine, durability);
      });
      afterAll(() => cluster?.close());

      it('loses nothing under writers, there and back, and says already when it is repeated', async () => {
        // A person who is logged in as root is no reason against it, although on MySQL our account may not end that session.
        const root = await cluster.connect('east-1', 'root');
        root.on('error', () => undefined);
        for (const statement of oldJournal(cluster)) await cluster.sql('east-1', statement, 'root');
        const writers = await startWriters(cluster);
        const watch = watchWritable(cluster);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const there = await promote(stepInput(cluster.parameters(), 10));
        expect(there).toMatchObject({ status: 'done', leftToDo: [] });
        const again = await promote(stepInput(cluster.parameters(), 10));
        expect(again).toMatchObject({ status: 'already', leftToDo: [], snapshot: there.snapshot });
        expect(again.evidence).toEqual(expect.arrayContaining([...there.evidence]));
        const promoted = /: (west-\d) is primary at epoch 10/.exec(there.summary)?.[1] ?? '';
        const back = await promote(stepInput(backParameters(cluster, promoted), 12));
        expect(back).toMatchObject({ status: 'done', leftToDo: [] });
        await new Promise((resolve) => setTimeout(resolve, 300));
        await writers.stop();
        await watch.stop();
        root.destroy();
        console.log(
          engine,
          durability,
          there.summary,
          there.durationsMs,
          back.durationsMs,
          writers.acknowledged,
          writers.longestGapMs(),
        );
        expect(writers.acknowledged).toBeGreaterThan(100);
        expect(await writers.missingOn('east-1')).toEqual([]);
        expect(watch.twice).toEqual([]);
      });

      it('a candidate whose session is lost while the move is taken back follows its primary again', async () => {
        const input = stepInput(cluster.parameters(), 20);
        const lost = promote(input, {
          reached: async (point) => {
            if (point !== pointName('before-drop-source')) return;
            for (const name of ['west-1', 'west-2']) await endSessions(cluster, name);
          },
        });
        await expect(lost).rejects.toThrow(/west-\d: the session was lost/);
        expect(await followers(cluster)).toEqual(['west-1', 'west-2']);
        expect((await promote(input)).status).toBe('done');
      });
    });
  }
}
