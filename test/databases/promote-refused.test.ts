import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pointName } from '../../domain/promotion/points.ts';
import { endSessions, promote, startTestCluster, stepInput, type TestCluster } from './test-cluster.ts';
import { startWriters } from './writers.ts';

/** One cluster for all of them: a refusal leaves everything as it was, which each of these proves in passing. */
for (const engine of ['mariadb', 'mysql'] as const) {
  describe(`promoteDatabase refuses on ${engine}, and says why`, () => {
    let cluster: TestCluster;
    const mysql = engine === 'mysql';
    const verb = mysql ? 'REPLICA' : 'SLAVE';
    beforeAll(async () => {
      cluster = await startTestCluster(engine, 'semisync', {
        freezeTimeoutMs: 1_000,
        catchUpTimeoutMs: 5_000,
      });
      await cluster.sql(
        'east-1',
        'CREATE TABLE app.numbers (client INT NOT NULL, seq INT NOT NULL, PRIMARY KEY (client, seq))',
        'application',
      );
      await cluster.sql('east-1', 'INSERT INTO app.numbers VALUES (1, 1)', 'application');
      // Here, where standbys acknowledge: a GRANT that waits for them keeps everybody from logging in, them included.
      if (mysql) await cluster.sql('east-1', 'GRANT XA_RECOVER_ADMIN ON *.* TO siteshift', 'root');
    });
    afterAll(() => cluster?.close());

    const isOpen = async () => {
      const writers = await startWriters(cluster, { clients: 1 });
      await writers.reach(1);
      await writers.stop();
      expect(writers.acknowledged).toBeGreaterThan(0);
      expect(await writers.missingOn('east-1')).toEqual([]);
    };
    const graceful = (epoch: number) => stepInput(cluster.parameters(), epoch);

    it('in a precheck without a claim, tells what it would do', async () => {
      const outcome = await promote(stepInput(cluster.parameters(), 0, { mode: 'precheck' }));
      expect(outcome).toMatchObject({
        status: 'planned',
        details: [
          'freeze east-1',
          expect.stringMatching(/^promote west-\d \(\d transaction\(s\) behind\)$/),
          expect.stringMatching(/^make east-1 a standby/),
        ],
      });
    });

    it('while a session holds LOCK TABLES, and gives the primary back', async () => {
      const holder = await cluster.connect('east-1', 'application');
      await holder.query('LOCK TABLES app.numbers WRITE');
      const outcome = await promote(graceful(10));
      expect(outcome.status).toBe('refused');
      expect(outcome.summary).toMatch(
        mysql
          ? /waited 1 s behind session \d+ of app, which holds LOCK TABLES while idle/
          : /session \d+ of app, which is idle \(LOCK TABLES\?\)/,
      );
      expect(outcome.details.at(-1)).toBe('east-1 accepts writes as before');
      holder.destroy();
      await isOpen();
    });

    it('when a standby does not keep up, before anything is frozen', async () => {
      const lock = await cluster.connect('west-1', 'root');
      const other = await cluster.connect('west-2', 'root');
      for (const one of [lock, other]) await one.query('LOCK TABLES app.numbers READ');
      await cluster.sql('east-1', 'INSERT INTO app.numbers VALUES (1, 2)', 'application');
      const outcome = await promote(graceful(12));
      expect(outcome).toMatchObject({
        status: 'refused',
        summary: expect.stringMatching(/west-\d does not keep up: .* nothing was frozen/),
      });
      lock.destroy();
      other.destroy();
      await isOpen();
    });

    it('when the applier of every standby is stopped', async () => {
      for (const name of ['west-1', 'west-2']) await cluster.sql(name, `STOP ${verb} SQL_THREAD`);
      const outcome = await promote(graceful(14));
      expect(outcome).toMatchObject({
        status: 'refused',
        details: ['west-1: its applier is stopped', 'west-2: its applier is stopped'],
      });
      for (const name of ['west-1', 'west-2']) await cluster.sql(name, `START ${verb} SQL_THREAD`);
    });

    it('when the primary does not answer and the style is graceful', async () => {
      cluster.node('east-1').process.pause();
      const outcome = await promote(graceful(16));
      cluster.node('east-1').process.resume();
      expect(outcome).toMatchObject({
        status: 'refused',
        summary: expect.stringMatching(
          /east-1 cannot be frozen: .*ETIMEDOUT; a forced promotion goes by what the standbys received/,
        ),
      });
      await isOpen(); // its standbys have found it again
    });

    it('prepared XA transactions, which could commit after the freeze', async () => {
      const client = await cluster.connect('east-1', 'application');
      await client.query("XA START 'x'");
      await client.query('INSERT INTO app.numbers VALUES (9, 9)');
      await client.query("XA END 'x'");
      await client.query("XA PREPARE 'x'");
      const outcome = await promote(graceful(18));
      expect(outcome).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('east-1: 1 prepared XA transaction(s)'),
      });
      await client.query("XA ROLLBACK 'x'");
      client.destroy();
    });

    it('a stale epoch and a twin, by the journal in the target', async () => {
      // Killed after the intent was journaled: whoever comes with less, or with the same from somewhere else, is late.
      const stop = new Error('stopped here');
      const stopped = promote(graceful(30), {
        reached: async (point) => {
          if (point === pointName('after-write-intent')) throw stop;
        },
      });
      await expect(stopped).rejects.toThrow('stopped here');
      await sleep(100);
      expect(await promote(graceful(28))).toMatchObject({
        status: 'refused',
        summary:
          'the journal on east-1: epoch 28 of operation failover/shop/28 refused: the target holds epoch 30 of operation failover/shop/30',
      });
      expect(await promote({ ...graceful(28), mode: 'undo' })).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('the target holds epoch 30'),
      });
      const twin = graceful(30);
      expect(
        await promote({ ...twin, operation: { ...twin.operation, id: 'failover/shop/twin' } }),
      ).toMatchObject({
        status: 'refused',
        summary:
          'the journal on east-1: epoch 30 of operation failover/shop/twin refused: the target holds the same epoch of operation failover/shop/30',
      });
      await isOpen();
    });

    it('two orchestrators at once: one promotes, the other is refused by the target', async () => {
      const one = graceful(40);
      const two = { ...one, operation: { ...one.operation, id: 'failover/shop/second' } };
      const outcomes = await Promise.all([promote(one), promote(two)]);
      expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['done', 'refused']);
      const promoted =
        /: (west-\d) is primary/.exec(outcomes.map((outcome) => outcome.summary).join())?.[1] ?? '';
      const back = await promote(
        stepInput(cluster.parameters({ primary: promoted, fromSite: 'west', toSite: 'east' }), 42),
      );
      expect(back.status).toBe('done');
    });

    it('undo gives a frozen primary back, and a late attempt of the same operation is refused afterwards', async () => {
      const input = graceful(50);
      const lost = new AbortController(); // like a SIGKILL: the sessions end, and nothing is taken back
      const stopped = promote(input, {
        signal: lost.signal,
        reached: async (point) => {
          if (point !== pointName('before-admit-journal')) return;
          lost.abort();
          throw new Error('the worker was lost here');
        },
      });
      await expect(stopped).rejects.toThrow('the worker was lost here');
      const frozen = await cluster.sql('east-1', 'SELECT @@GLOBAL.read_only AS closed');
      expect(String(frozen[0]?.['closed'])).toMatch(/^(1|ON)$/);
      const undone = await promote({ ...input, mode: 'undo' });
      expect(undone).toMatchObject({
        status: 'done',
        summary: expect.stringContaining('east-1 accepts writes as before'),
      });
      expect(await promote(input)).toMatchObject({
        status: 'refused',
        summary: 'operation failover/shop/50 has been undone at epoch 50',
      });
      await isOpen();
    });

    it('a failure in mid-switch is taken back at once', async () => {
      const outcome = await promote(graceful(54), {
        reached: async (point) => {
          if (point === pointName('before-write-journal')) throw new Error('the disk is full, say');
        },
      });
      expect(outcome).toMatchObject({
        status: 'refused',
        details: ['the disk is full, say', 'east-1 accepts writes as before'],
      });
      await isOpen();
    });

    it('a session to the candidate that is lost in mid-switch: taken back, and left to the next attempt', async () => {
      const lost = promote(graceful(58), {
        reached: async (point) => {
          if (point !== pointName('before-detach-candidate')) return;
          for (const name of ['west-1', 'west-2']) await endSessions(cluster, name);
        },
      });
      await expect(lost).rejects.toThrow(/west-\d: the session was lost/);
      await isOpen();
    });

    it('an errant transaction on every standby, and names it', async () => {
      for (const name of ['west-1', 'west-2']) {
        const root = await cluster.connect(name, 'root');
        if (mysql) await root.query('SET GLOBAL super_read_only = OFF');
        await root.query(`CREATE DATABASE errant_${name.replace('-', '_')}`);
        if (mysql) await root.query('SET GLOBAL super_read_only = ON');
        root.destroy();
      }
      const outcome = await promote(graceful(60));
      expect(outcome.status).toBe('refused');
      for (const name of ['west-1', 'west-2'])
        expect(outcome.summary).toContain(`${name}: it holds transactions that east-1 never had`);
      await isOpen();
    });
  });
}
