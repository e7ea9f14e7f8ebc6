import { afterAll, beforeAll, expect, test } from 'vitest';
import { asAccount, runStatements } from '../../lab/engines/database-server.ts';
import { kill } from '../../lab/faults.ts';
import type { DatabaseName } from '../../lab/sites/layout.ts';
import { allKept, openScenario, stepOf, type Scenario } from './scenario.ts';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await openScenario({ nacos: false });
});
afterAll(() => scenario.close());

const onNode = async (database: DatabaseName, node: string, statements: readonly string[]): Promise<void> => {
  const cluster = scenario.lab.clusters.find(({ name }) => name === database);
  const server = cluster?.nodes.get(node);
  if (cluster === undefined || server === undefined) throw new Error(`no node ${node} of ${database}`);
  await asAccount(server, cluster.accounts.admin, (admin) => runStatements(admin, [...statements]));
};

test('stopped appliers park the promotion before anything is frozen; started again, a retry completes the run', async () => {
  const nodes = ['payments-west-1', 'payments-west-2'];
  for (const node of nodes) await onNode('payments', node, ['STOP SLAVE SQL_THREAD']);
  const { code, workflowId, record } = await scenario.run('site-failover', '--from', 'east', '--to', 'west');

  expect(code).toBe(4);
  const parked = stepOf(record, 'promote/payments');
  expect(parked.state).toBe('parked');
  expect(parked.outcome?.status).toBe('refused');
  expect(parked.outcome?.summary).toMatch(/payments-west-[12].*applier/);
  // The other database does not wait for it: a failed step stops only what needs it.
  expect(stepOf(record, 'promote/orders').outcome?.status).toBe('done');

  for (const node of nodes) await onNode('payments', node, ['START SLAVE SQL_THREAD']);
  const answer = await scenario.cli(
    'retry',
    workflowId,
    'promote/payments',
    '--reason',
    'the appliers run again',
  );
  expect(answer.code).toBe(0);
  const { value } = await scenario.cli('status', workflowId, '--watch');
  expect((value as { record: { outcome: string } }).record.outcome).toBe('completed');
});

test('a standby with a transaction of its own is passed over, and one that is gone, too', async () => {
  expect((await scenario.run('site-failover', '--from', 'west', '--to', 'east')).record.outcome).toBe(
    'completed',
  );
  // The orchestrator's account may write on a read-only MariaDB: the way errant transactions come about.
  await onNode('payments', 'payments-west-1', [`CREATE TABLE siteshift.errant (id INT)`]);
  await kill(scenario.lab, 'orders-west-1');
  const { record } = await scenario.run('site-failover', '--from', 'east', '--to', 'west');

  expect(record.outcome).toBe('completed');
  expect(stepOf(record, 'promote/payments').outcome?.summary).toMatch(/payments-west-2 is primary/);
  expect(stepOf(record, 'promote/orders').outcome?.summary).toMatch(/orders-west-2 is primary/);
  expect(record.leftToDo.join('\n')).toMatch(/orders-west-1/);
});

test('nothing was lost, stored twice or taken by two units', async () => {
  const { acknowledged } = scenario.writer.counters();
  await scenario.writer.reach(acknowledged + 100, 30_000);
  expect(await scenario.judge()).toEqual(allKept);
});
