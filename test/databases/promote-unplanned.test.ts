import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { observeCluster } from '../../activities/observe-databases.ts';
import {
  endPromotionAt,
  oldJournal,
  promote,
  startTestCluster,
  stepInput,
  stepTools,
  type TestCluster,
} from './test-cluster.ts';
import { startWriters, watchWritable } from './writers.ts';

const words = {
  mysql: {
    stopApplier: 'STOP REPLICA SQL_THREAD',
    stopReceiver: 'STOP REPLICA IO_THREAD',
    stop: 'STOP REPLICA',
  },
  mariadb: { stopApplier: 'STOP SLAVE SQL_THREAD', stopReceiver: 'STOP SLAVE IO_THREAD', stop: 'STOP SLAVE' },
} as const;

for (const engine of ['mariadb', 'mysql'] as const) {
  describe(`a forced promotion of ${engine} whose primary is dead`, () => {
    let cluster: TestCluster;
    afterEach(() => cluster?.close());
    const forced = (epoch: number, overrides?: Record<string, string>) =>
      stepInput(cluster.parameters(), epoch, {
        style: 'forced',
        ...(overrides === undefined ? {} : { overrides }),
      });
    const kill = async (name: string) => {
      cluster.node(name).process.kill();
      await cluster.node(name).process.gone();
    };
    const promotedIn = (summary: string) =>
      /: (west-\d) is primary/.exec(summary)?.[1] ?? `nobody in: ${summary}`;

    it('keeps every acknowledged row under semi-sync, and states the loss as none', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      const watch = watchWritable(cluster);
      await sleep(800);
      await kill('east-1');
      expect(await observeCluster(cluster.cluster, stepTools())).toMatchObject({
        primary: 'east-1',
        primarySite: 'east',
        primaryReachable: false,
      });
      const outcome = await promote(forced(20));
      await sleep(300);
      await writers.stop();
      await watch.stop();
      console.log(
        engine,
        outcome.summary,
        outcome.durationsMs,
        outcome.details,
        writers.acknowledged,
        writers.longestGapMs(),
      );
      expect(outcome.status).toBe('done');
      expect(outcome.leftToDo).toEqual([expect.stringContaining('east-1 could not be reached')]);
      expect(outcome.evidence).toContainEqual(
        expect.objectContaining({
          what: 'loss',
          value: expect.stringContaining('no acknowledged transaction is lost'),
        }),
      );
      const promoted = promotedIn(outcome.summary);
      expect(await writers.missingOn(promoted)).toEqual([]);
      expect(await writers.missingOn(promoted === 'west-1' ? 'west-2' : 'west-1')).toEqual([]);
      expect(watch.twice).toEqual([]);
      expect((await promote(forced(20))).status).toBe('already');
    });

    it('goes on with the standby that had made the journal and written nothing into it', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      await kill('east-1');
      await endPromotionAt('before-create-schema', forced(20));
      // Transactions of west-1's own: nobody received them, so nobody's applier will ever come to them.
      for (const statement of oldJournal(cluster)) await cluster.sql('west-1', statement, 'root');
      const outcome = await promote(forced(20));
      // Nobody is out because of something that was waited for in vain.
      expect(outcome).toMatchObject({ status: 'done', details: [] });
      expect(promotedIn(outcome.summary)).toBe('west-1');
    });

    it('waits for appliers that are blocked, and loses nothing of what is only in their relay logs', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      await sleep(300);
      const locks = await Promise.all(['west-1', 'west-2'].map((name) => cluster.connect(name, 'root')));
      for (const lock of locks) {
        lock.on('error', () => undefined);
        await lock.query('LOCK TABLES app.numbers READ');
      }
      await sleep(700);
      await kill('east-1');
      const promoting = promote(forced(20));
      await sleep(3_000);
      for (const lock of locks) lock.destroy();
      const outcome = await promoting;
      await sleep(200);
      await writers.stop();
      console.log(engine, outcome.summary, outcome.durationsMs, writers.acknowledged);
      expect(outcome.status).toBe('done');
      expect(await writers.missingOn(promotedIn(outcome.summary))).toEqual([]);
    });

    it.each(['stopApplier', 'stop'] as const)('brings over what stopped replicas hold (%s)', async (how) => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      await sleep(300);
      await Promise.all(['west-1', 'west-2'].map((name) => cluster.sql(name, words[engine].stopApplier)));
      await sleep(600);
      await kill('east-1');
      if (how === 'stop')
        await Promise.all(['west-1', 'west-2'].map((name) => cluster.sql(name, words[engine].stopReceiver)));
      const outcome = await promote(forced(20));
      await sleep(200);
      await writers.stop();
      console.log(engine, how, outcome.summary, outcome.durationsMs, outcome.details, writers.acknowledged);
      expect(outcome.status).toBe('done');
      expect(await writers.missingOn(promotedIn(outcome.summary))).toEqual([]);
    });

    it('brings over what replicas hold that were stopped and then killed and restarted', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      await sleep(300);
      await Promise.all(['west-1', 'west-2'].map((name) => cluster.sql(name, words[engine].stopApplier)));
      await sleep(600);
      await kill('east-1');
      for (const name of ['west-1', 'west-2']) {
        await kill(name);
        await cluster.node(name).process.restart();
      }
      const outcome = await promote(forced(20));
      await sleep(200);
      await writers.stop();
      console.log(engine, outcome.summary, outcome.durationsMs, outcome.details, writers.acknowledged);
      expect(outcome.status).toBe('done');
      expect(await writers.missingOn(promotedIn(outcome.summary))).toEqual([]);
    });

    it('elects the standby that received more, or brings the other one to it', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      await sleep(300);
      await cluster.sql('west-1', words[engine].stopReceiver); // west-2 alone acknowledges from here on
      await sleep(500);
      await kill('east-1');
      const parameters = cluster.parameters();
      const { nodes } = parameters.cluster;
      const west2 = nodes['west-2'];
      if (west2 === undefined) throw new Error('no west-2');
      // The one that holds more may not be promoted, so the other has to catch up from it.
      const never = {
        ...parameters,
        cluster: { ...parameters.cluster, nodes: { ...nodes, 'west-2': { ...west2, neverPromote: true } } },
      };
      const outcome = await promote(stepInput(never, 20, { style: 'forced' }));
      await sleep(200);
      await writers.stop();
      console.log(engine, outcome.summary, outcome.durationsMs, outcome.details, writers.acknowledged);
      expect(outcome).toMatchObject({
        status: 'done',
        summary: expect.stringContaining('west-1 is primary'),
      });
      expect(await writers.missingOn('west-1')).toEqual([]);
    });
  });
}
