import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { observeCluster, readPromotionStamps } from '../../activities/observe-databases.ts';
import {
  backParameters,
  promote,
  startTestCluster,
  stepInput,
  stepTools,
  type TestCluster,
} from './test-cluster.ts';
import { startWriters, watchWritable } from './writers.ts';

for (const engine of ['mariadb', 'mysql'] as const) {
  const mysql = engine === 'mysql';
  const verb = mysql ? 'REPLICA' : 'SLAVE';

  describe(`a forced promotion of ${engine}`, () => {
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
      /: (west-\d) is primary/.exec(summary)?.[1] ?? `nobody: ${summary}`;
    /** MariaDB's strict mode would stop an applier that still has to write what is older than an errant transaction. */
    const applied = async (name: string) => {
      const position = mysql ? '@@GLOBAL.gtid_executed' : '@@GLOBAL.gtid_binlog_pos';
      const look = async (node: string) => (await cluster.sql(node, `SELECT ${position} AS at`))[0]?.['at'];
      while ((await look(name)) !== (await look('east-1'))) await sleep(20);
    };
    const bypassing = async (name: string, statement: string) => {
      const root = await cluster.connect(name, 'root');
      if (mysql) await root.query('SET GLOBAL super_read_only = OFF');
      await root.query(statement);
      if (mysql) await root.query('SET GLOBAL super_read_only = ON');
      root.destroy();
    };

    it('freezes a primary that still answers, and loses nothing', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      const watch = watchWritable(cluster);
      await sleep(400);
      const outcome = await promote(forced(20));
      await sleep(200);
      await writers.stop();
      await watch.stop();
      expect(outcome).toMatchObject({ status: 'done', leftToDo: [] });
      expect(outcome.durationsMs['freezeToOpen']).toBeGreaterThan(0);
      expect(await writers.missingOn(promotedIn(outcome.summary))).toEqual([]);
      expect(watch.twice).toEqual([]);
      const { cluster: databases } = cluster;
      expect(await readPromotionStamps({ one: databases }, stepTools())).toEqual({
        one: { epoch: 20, operation: 'failover/shop/20' },
      });
      expect(await observeCluster(databases, stepTools())).toMatchObject({
        primarySite: 'west',
        primaryReachable: true,
      });
    });

    it('goes past a primary that hangs in a commit which nobody acknowledges, and says how to end it', async () => {
      cluster = await startTestCluster(engine, 'semisync', { freezeTimeoutMs: 1_000 });
      const writers = await startWriters(cluster);
      await sleep(300);
      for (const name of ['west-1', 'west-2']) await cluster.sql(name, `STOP ${verb} IO_THREAD`);
      await sleep(300); // every client waits for an acknowledgement now
      const outcome = await promote(forced(20));
      await sleep(200);
      expect(outcome.status).toBe('done');
      expect(outcome.details.join()).toContain(
        'east-1 could not be frozen: east-1: the freeze waited 1 s behind',
      );
      expect(outcome.leftToDo?.join()).toMatch(
        /east-1 still accepts connections .* end its process with SIGKILL/,
      );
      expect(outcome.evidence).toContainEqual(
        expect.objectContaining({
          what: 'fence',
          value: expect.stringContaining('proven: east-1 cannot acknowledge'),
        }),
      );
      // As after a kill: a primary that is fenced and answers is no split brain, and is still to be ended.
      const again = await promote(forced(20));
      expect(again).toMatchObject({ status: 'already', leftToDo: outcome.leftToDo });
      expect(again.evidence).toEqual(expect.arrayContaining([...outcome.evidence]));
      // What hangs there was never acknowledged to anybody, and is not while the old primary lives on.
      await writers.stop();
      expect(await writers.missingOn(promotedIn(outcome.summary))).toEqual([]);
    });

    it('a primary that was frozen by the kernel and wakes up afterwards acknowledges nothing any more', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster);
      await sleep(400);
      cluster.node('east-1').process.pause();
      const outcome = await promote(forced(20));
      cluster.node('east-1').process.resume();
      await sleep(1_500);
      await writers.stop();
      expect(outcome.status).toBe('done');
      expect(await writers.missingOn(promotedIn(outcome.summary))).toEqual([]);
    });

    it('of an asynchronous cluster waits for a person: first the fence, then the loss', async () => {
      cluster = await startTestCluster(engine, 'async');
      const writers = await startWriters(cluster, { clients: 2 });
      await sleep(300);
      await writers.stop();
      await kill('east-1');
      const refused = await promote(forced(20));
      expect(refused.status).toBe('refused');
      expect(refused.details).toEqual([
        expect.stringContaining('answer acceptUnfenced'),
        expect.stringContaining('the loss is unknown'),
      ]);
      const half = await promote(forced(20, { acceptUnfenced: 'the machine is switched off' }));
      expect(half.details).toEqual([expect.stringContaining('answer acceptLoss')]);
      const outcome = await promote(
        forced(20, { acceptUnfenced: 'it is switched off', acceptLoss: 'agreed with the owner' }),
      );
      expect(outcome.status).toBe('done');
      expect(outcome.evidence).toContainEqual(
        expect.objectContaining({ what: 'loss', value: expect.stringContaining('the loss is unknown') }),
      );
    });

    it('with the last standby, asks for each thing that a person must answer for, and then opens it', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      const writers = await startWriters(cluster, { clients: 2 });
      await writers.reach(40);
      await writers.stop();
      await kill('east-1');
      await kill('west-2');
      const refused = await promote(forced(20));
      expect(refused).toMatchObject({
        status: 'refused',
        details: [
          expect.stringMatching(
            /only 1 of 2 possible acknowledgers are cut off from it, 2 needed.*acceptUnfenced/,
          ),
          expect.stringMatching(/1 of 2 possible acknowledgers could be asked, 2 needed.*acceptLoss/),
          expect.stringMatching(/0 of 1 needed replica.* west-2 .* cannot be reached.*answer acceptAlone/),
        ],
      });
      const outcome = await promote(
        forced(20, {
          acceptUnfenced: 'the machine is switched off',
          acceptLoss: 'agreed with the owner',
          acceptAlone: 'one server is better than none',
        }),
      );
      expect(outcome).toMatchObject({
        status: 'done',
        summary: expect.stringContaining('west-1 is primary'),
      });
      expect(outcome.leftToDo).toContainEqual(
        expect.stringContaining('west-1 acknowledges writes alone, with semi-sync off'),
      );
      expect((await promote(forced(20))).leftToDo).toEqual([
        expect.stringMatching(/^east-1 could not be reached/),
        expect.stringMatching(/^west-2 could not be reached: .* made to follow west-1/),
        expect.stringMatching(/^west-1 acknowledges writes alone/),
      ]);
      expect(await writers.missingOn('west-1')).toEqual([]);
      await cluster.sql('west-1', 'INSERT INTO app.numbers VALUES (1, 1)', 'application'); // and does not hang
      // The lost primary is back, closed: now its loss can be measured, before anybody decides about the way back.
      await cluster.node('east-1').process.restart();
      const back = await promote(stepInput(backParameters(cluster, 'west-1'), 0, { mode: 'precheck' }));
      expect(back.evidence).toContainEqual({
        what: 'loss of the promotion at epoch 20, measured',
        value: 'none: east-1 holds nothing that west-1 lacks',
        source: 'east-1',
      });
    });

    it('passes over a standby that holds a transaction of its own, and says what is left to do with it', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      await cluster.sql('east-1', 'CREATE TABLE app.something (id INT PRIMARY KEY)', 'application');
      await applied('west-1');
      await bypassing('west-1', 'CREATE DATABASE errant_one');
      await kill('east-1');
      const passedOver = await promote(forced(20));
      expect(passedOver).toMatchObject({
        status: 'done',
        summary: expect.stringContaining('west-2 is primary'),
      });
      expect(passedOver.leftToDo).toContainEqual(
        expect.stringMatching(/west-1 holds .*, which west-2 lacks: .* then rebuild west-1$/),
      );
    });

    it('where every standby holds a transaction of its own, a person decides', async () => {
      cluster = await startTestCluster(engine, 'semisync');
      for (const name of ['west-1', 'west-2']) await applied(name);
      await bypassing('west-1', 'CREATE DATABASE errant_one');
      await bypassing('west-2', 'CREATE DATABASE errant_two');
      await kill('east-1');
      const refused = await promote(forced(20));
      expect(refused).toMatchObject({
        status: 'refused',
        details: [
          'no standby of the wanted site can be promoted',
          expect.stringMatching(/^west-1: it holds .*, which no other survivor knows of \(acceptErrant/),
          expect.stringMatching(/^west-2: it holds .*, which no other survivor knows of \(acceptErrant/),
        ],
      });
    });

    it('takes the standby whose applier works; where none does, it stops and names the error', async () => {
      cluster = await startTestCluster(engine, 'semisync', { catchUpTimeoutMs: 8_000 });
      await cluster.sql(
        'east-1',
        'CREATE TABLE app.numbers (client INT NOT NULL, seq INT NOT NULL, PRIMARY KEY (client, seq))',
        'application',
      );
      await Promise.all(['west-1', 'west-2'].map(applied));
      const collide = async (name: string) => {
        const root = await cluster.connect(name, 'root');
        await root.query('SET sql_log_bin = 0');
        if (mysql) await root.query('SET GLOBAL super_read_only = OFF');
        await root.query('INSERT INTO app.numbers VALUES (7, 7)');
        if (mysql) await root.query('SET GLOBAL super_read_only = ON');
        root.destroy();
      };
      await collide('west-1');
      await cluster.sql('east-1', 'INSERT INTO app.numbers VALUES (7, 7)', 'application');
      await sleep(500);
      await kill('east-1');
      const outcome = await promote(forced(20));
      expect(outcome).toMatchObject({
        status: 'done',
        summary: expect.stringContaining('west-2 is primary'),
      });
      expect(outcome.durationsMs['drain']).toBeLessThan(8_000); // the broken one was given no time
    });

    it('stops where the only complete standby has a broken applier', async () => {
      cluster = await startTestCluster(engine, 'semisync', { catchUpTimeoutMs: 5_000 });
      await cluster.sql(
        'east-1',
        'CREATE TABLE app.numbers (client INT NOT NULL, seq INT NOT NULL, PRIMARY KEY (client, seq))',
        'application',
      );
      await Promise.all(['west-1', 'west-2'].map(applied));
      await cluster.sql('west-2', `STOP ${verb} IO_THREAD`); // west-1 alone acknowledges
      const root = await cluster.connect('west-1', 'root');
      await root.query('SET sql_log_bin = 0');
      if (mysql) await root.query('SET GLOBAL super_read_only = OFF');
      await root.query('INSERT INTO app.numbers VALUES (7, 7)');
      if (mysql) await root.query('SET GLOBAL super_read_only = ON');
      root.destroy();
      for (const seq of [7, 8, 9])
        await cluster.sql('east-1', `INSERT INTO app.numbers VALUES (7, ${seq})`, 'application');
      await sleep(500);
      await kill('east-1');
      const stopped = await promote(forced(20));
      expect(stopped.status).toBe('refused');
      expect(stopped.summary).toMatch(
        /everything that was received is only on west-1 \(its applier stopped by error 1062: .*\): repair that and retry, or accept the loss of 3 transaction\(s\) with west-2 \(acceptLoss\)/s,
      );
      const lossy = await promote(forced(20, { acceptLoss: 'three rows, on paper' }));
      expect(lossy).toMatchObject({ status: 'done', summary: expect.stringContaining('west-2 is primary') });
      expect(lossy.evidence).toContainEqual(
        expect.objectContaining({
          what: 'loss',
          value: expect.stringContaining('at most 3 transaction(s) are lost'),
        }),
      );
    });
  });
}
