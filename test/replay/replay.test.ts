import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../worker/bundle.ts';

/** Histories of real runs, kept from every version of the workflows: a run in flight must survive a new worker. */
const folder = fileURLToPath(new URL('histories', import.meta.url));
const histories = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
  .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflows(new DefaultLogger('ERROR'));
}, 60_000);

interface StoredHistory {
  readonly events: {
    eventType: string;
    workflowExecutionStartedEventAttributes?: { workflowId: string };
    activityTaskScheduledEventAttributes?: { activityType: { name: string } };
  }[];
}
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as StoredHistory;
/** Under its own id: the execution of a plan checks that it runs under its lock. */
const replay = (history: StoredHistory) =>
  Worker.runReplayHistory(
    { workflowBundle },
    history,
    history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId,
  );

test('both workflows have histories from every scenario', () => {
  expect(histories.filter((file) => file.endsWith('.run-runbook.json')).length).toBeGreaterThanOrEqual(7);
  expect(histories.filter((file) => file.endsWith('.execute-plan.json')).length).toBeGreaterThanOrEqual(6);
});

test.each(histories)('%s is replayed by the workflows of today', async (file) => {
  await expect(replay(read(file))).resolves.toBeUndefined();
});

test('a history that today does not fit is noticed', async () => {
  const file = histories.find((name) => name.endsWith('completed.execute-plan.json')) ?? '';
  const history = read(file);
  const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes !== undefined);
  if (scheduled?.activityTaskScheduledEventAttributes === undefined)
    throw new Error(`no activity in ${file}`);
  scheduled.activityTaskScheduledEventAttributes.activityType.name = 'somethingElse';
  await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
});

test('no machine name and no path is stored', () => {
  for (const file of histories) {
    const text = readFileSync(join(folder, file), 'utf8');
    const decoded = [...text.matchAll(/"data":"([^"]*)"/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64').toString(),
    );
    expect([text, ...decoded].filter((part) => /\/(work|root|home|tmp)\//.test(part))).toEqual([]);
  }
});
