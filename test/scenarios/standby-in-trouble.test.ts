import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import { asAccount, asRoot, runStatements } from '../../lab/engines/database-server.ts';
import { attachReplica } from '../../lab/engines/topology.ts';
import { kill } from '../../lab/faults.ts';
import { domain, schema, type DatabaseName } from '../../lab/sites/layout.ts';
import { allKept, openScenario, stepOf, type Scenario } from './scenario.ts';
import { until } from './until.ts';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false });
});
afterAll(() => scenario.close());

const nodeOf = (database: DatabaseName, node: string) => {
  const cluster = scenario.lab.clusters.find(({ name }) => name === database);
  const server = cluster?.nodes.get(node);
  if (cluster === undefined || server === undefined) throw new Error(`no node ${node} of ${database}`);
  return { server, accounts: cluster.accounts };
};

const onNode = async (database: DatabaseName, node: string, statements: readonly string[]): Promise<void> => {
  const { server, accounts } = nodeOf(database, node);
  await asAccount(server, accounts.admin, (admin) => runStatements(admin, [...statements]));
};

/** A lock on the users' table that a read-only session holds: the applier waits behind it. */
async function holdUp(database: DatabaseName, node: string): Promise<{ letGo(): Promise<void> }> {
  const { server } = nodeOf(database, node);
  const released = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = asRoot(server, async (root) => {
    await runStatements(root, [`LOCK TABLES ${schema}.writes READ`]);
    locked.resolve();
    await released.promise;
  });
  await Promise.race([locked.promise, holding]);
  return {
    letGo: async () => {
      released.resolve();
      await holding;
    },
  };
}

/** What a database administrator does with a standby that was down: start it, and let it replicate. */
const bringBack = async (database: DatabaseName, node: string, source: string): Promise<void> => {
  const { server, accounts } = nodeOf(database, node);
  await server.process.restart();
  await attachReplica({ replica: server, source: nodeOf(database, source).server, accounts });
};

/** What is not done, in words. */
const leftOf = (record: RunRecord) =>
  record.steps
    .filter(({ outcome }) => outcome === undefined || !['done', 'already'].includes(outcome.status))
    .map(({ id, state, outcome }) => `${id}: ${state}, ${outcome?.summary ?? ''}`);

test('stopped appliers park the promotion, and so does a standby that is far behind for longer than users can wait', async () => {
  const stopped = ['payments-west-1', 'payments-west-2'];
  for (const node of stopped) await onNode('payments', node, ['STOP SLAVE SQL_THREAD']);
  // Their appliers run and come no further, as behind a large transaction; what users write meanwhile piles up.
  const behind = await Promise.all(['orders-west-1', 'orders-west-2'].map((node) => holdUp('orders', node)));
  const run = await scenario.start('site-failover', '--from', 'east', '--to', 'west');
  const recordNow = async () =>
    ((await scenario.cli('status', run.workflowId)).value as { record: RunRecord }).record;
  const record = await run.settled();
  // Nothing is frozen meanwhile: users who do not move write on, into both databases.
  const { acknowledged } = scenario.writer.counters();
  await scenario.writer.reach(acknowledged + 100, 30_000);

  const parked = stepOf(record, 'promote/payments');
  expect(parked.state).toBe('parked');
  expect(parked.outcome?.status).toBe('refused');
  expect(parked.outcome?.summary).toMatch(/payments-west-[12].*applier/);
  const late = stepOf(record, 'promote/orders');
  expect(late.state).toBe('parked');
  expect(late.outcome?.summary).toMatch(
    /^orders-west-[12] does not keep up: it needed more than 15000 ms .*; nothing was frozen, but users whose units are fenced stay so/,
  );

  // The other database does not wait for it: a failed step stops only what needs it.
  for (const standby of behind) await standby.letGo();
  expect(
    await scenario.cli('retry', run.workflowId, 'promote/orders', '--reason', 'it caught up'),
  ).toMatchObject({
    code: 0,
  });
  await until('orders has moved', 60_000, async () => {
    const { outcome } = stepOf(await recordNow(), 'promote/orders');
    return outcome?.status === 'done';
  });
  expect(stepOf(await recordNow(), 'promote/payments').state).toBe('parked');

  for (const node of stopped) await onNode('payments', node, ['START SLAVE SQL_THREAD']);
  expect(await scenario.retry(run.workflowId, 'promote/payments', 'the appliers run again')).toBe(
    'completed',
  );
});

test('a run that is terminated between the freeze and the opening is finished by the next one', async () => {
  const worker = await scenario.workerThatDiesAt('promoteDatabase:before-write-journal');
  const { workflowId } = await scenario.start('site-failover', '--from', 'west', '--to', 'east');
  await until('the worker is dead', 60_000, () => Promise.resolve(worker.deaths() === 1));
  await scenario.terminate(workflowId, `failover/${domain}`);
  await worker.stop();

  // The gateways do not know that nobody runs it any more: a person says so, by forcing the claim.
  const next = await scenario.run('site-failover', '--from', 'west', '--to', 'east');
  expect(stepOf(next.record, 'claim').outcome?.summary).toMatch(
    new RegExp(`operation ${workflowId} holds epoch .* force this step to take over`),
  );
  const forced = await scenario.cli('force', next.workflowId, 'claim', '--reason', 'the other one was ended');
  expect(forced.code).toBe(0);
  const { value } = await scenario.cli('status', next.workflowId, '--watch');
  const { record } = value as { record: RunRecord };
  expect({ outcome: record.outcome, left: leftOf(record) }).toEqual({ outcome: 'completed', left: [] });
  expect(record.steps.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['promote/orders', 'promote/payments', 'push/orders', 'push/payments']),
  );
});

test('an errant standby is passed over; where nobody could acknowledge afterwards, nothing is frozen', async () => {
  // The orchestrator's account may write on a read-only MariaDB: the way errant transactions come about.
  await onNode('payments', 'payments-west-1', ['CREATE TABLE siteshift.errant (id INT)']);
  await kill(scenario.lab, 'orders-west-1');
  const { code, workflowId, record } = await scenario.run('site-failover', '--from', 'east', '--to', 'west');

  expect(stepOf(record, 'promote/payments').outcome?.summary).toMatch(/payments-west-2 is primary/);
  expect(code).toBe(4);
  expect(stepOf(record, 'promote/orders').state).toBe('parked');
  const refused = stepOf(record, 'promote/orders').outcome;
  expect(refused?.summary).toMatch(
    /0 of 1 needed replica\(s\) could acknowledge.* orders-west-1 .* cannot be reached: .*ECONNREFUSED.* acceptAlone/,
  );
  expect(refused?.durationsMs).toEqual({}); // it was seen before anything was done

  await bringBack('orders', 'orders-west-1', 'orders-east-1');
  expect(await scenario.retry(workflowId, 'promote/orders', 'orders-west-1 replicates again')).toBe(
    'completed',
  );
});

test('nothing was lost, stored twice or taken by two units', async () => {
  const { acknowledged } = scenario.writer.counters();
  await scenario.writer.reach(acknowledged + 100, 30_000);
  expect(await scenario.judge()).toEqual(allKept);
});
