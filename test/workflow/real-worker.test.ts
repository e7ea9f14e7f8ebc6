import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from '../../domain/plan.ts';
import { planWorkflowId } from '../../domain/search-attributes.ts';
import type { executePlan } from '../../workflows/execute-plan.ts';
import { startHookServer, type HookCall } from './hook-server.ts';
import { testPlan } from './test-plan.ts';
import { startWorkerProcess } from './worker-process.ts';
import { openWorkflowLab, whenStatus, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 60_000);
afterAll(() => lab.close());

const limit = { timeout: 120_000 };

/**
 * As the server has it: a worker that dies in a step is missed after the heartbeat's time-out and the first back-off, one
 * that dies with a workflow task after the task's time-out. Neither may be more than 10 s, and no back-off ever grows longer.
 */
function expectNoticedInTime(events: HistoryEvents): void {
  const inMs = (duration: Duration) => Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1e6;
  const scheduled = events.flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
  const workflowTasks = events.flatMap((event) => event.workflowTaskScheduledEventAttributes ?? []);
  expect(scheduled.length).toBeGreaterThan(0);
  expect(workflowTasks.length).toBeGreaterThan(0);
  for (const { heartbeatTimeout, retryPolicy } of scheduled) {
    expect(inMs(heartbeatTimeout)).toBeGreaterThan(0);
    expect(inMs(heartbeatTimeout) + inMs(retryPolicy?.initialInterval)).toBeLessThanOrEqual(10_000);
    expect(inMs(retryPolicy?.maximumInterval)).toBeGreaterThan(0);
    expect(inMs(retryPolicy?.maximumInterval)).toBeLessThanOrEqual(10_000);
  }
  for (const { startToCloseTimeout } of workflowTasks)
    expect(inMs(startToCloseTimeout)).toBeLessThanOrEqual(10_000);
}

type HistoryEvents = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
type Duration = { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined;

/** A target that knows by itself what was applied; `applied` counts every apply of every step. */
function hookTarget(onApply: (call: HookCall) => Promise<void> = async () => {}) {
  const applied = new Map<string, number>();
  const answer = async (call: HookCall) => {
    if (call.action === 'observe') {
      const isDone = applied.has(call.step);
      return {
        body: { state: isDone ? 'already' : 'apply', summary: isDone ? `${call.step} is so` : 'not yet' },
      };
    }
    applied.set(call.step, (applied.get(call.step) ?? 0) + 1);
    await onApply(call);
    return { body: { summary: `${call.action} done` } };
  };
  return { applied, answer };
}

const hookStep = (id: string, url: string, needs: readonly string[] = []) => ({
  id,
  kind: 'callHook',
  needs,
  reversibility: 'forward-only' as const,
  parameters: { hook: 'page', url, timeoutMs: 60_000, with: {} },
});

const startPlan = (plan: Plan, queue: string) =>
  lab.client.workflow.start<typeof executePlan>('executePlan', {
    taskQueue: queue,
    workflowId: planWorkflowId(plan.domain),
    args: [
      {
        plan,
        request: { runbook: 'test', by: 'ann' },
        operation: 'op-1',
        startedAt: Date.now(),
        decisions: [],
      },
    ],
  });

test(
  'a worker killed in mid-step is noticed by its missing heartbeats, and another one goes on',
  limit,
  async () => {
    const queue = `killed-${randomUUID()}`;
    const { promise: silence } = Promise.withResolvers<void>();
    let applies = 0;
    const target = hookTarget(async () => {
      applies += 1;
      if (applies === 1) await silence; // the first worker waits here until it is killed
    });
    const hook = await startHookServer(target.answer);
    const plan = testPlan([hookStep('a', hook.url), hookStep('b', hook.url, ['a'])], { domain: 'killed' });
    const first = await startWorkerProcess(lab.lab, { name: 'worker-1', address: lab.address, queue });
    const handle = await startPlan(plan, queue);
    await whenStatus(handle, () => applies === 1);
    first.kill();
    await startWorkerProcess(lab.lab, { name: 'worker-2', address: lab.address, queue });

    const record = await handle.result();
    hook.close();
    expect(record.outcome).toBe('completed');
    // The second attempt looked first and found the work of the first one: nothing was done twice.
    expect([...target.applied]).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(record.steps.map(({ outcome }) => outcome?.status)).toEqual(['already', 'done']);
    const { events = [] } = (await handle.fetchHistory()) ?? {};
    const started = events?.find((event) => event.activityTaskStartedEventAttributes);
    expect(started?.activityTaskStartedEventAttributes).toMatchObject({ attempt: 2 });
    expect(started?.activityTaskStartedEventAttributes?.lastFailure?.timeoutFailureInfo?.timeoutType).toBe(4); // heartbeat
    expectNoticedInTime(events ?? []);
  },
);

test('a worker that dies right before and right after each effect finds what it did', limit, async () => {
  const queue = `stop-${randomUUID()}`;
  const target = hookTarget();
  const hook = await startHookServer(target.answer);
  const stops = ['callHook:before-apply', 'callHook:after-apply'].map((point, index) => ({
    point,
    times: 1,
    action: 'SIGKILL',
    marker: join(lab.folder, `stop-${index}`),
  }));
  const worker = await startWorkerProcess(lab.lab, {
    name: 'worker-stops',
    address: lab.address,
    queue,
    stopAt: JSON.stringify(stops),
  });
  const plan = testPlan([hookStep('a', hook.url)], { domain: 'stops' });
  const handle = await startPlan(plan, queue);
  const isOpen = async () => (await handle.describe()).status.name === 'RUNNING';
  while (await isOpen()) {
    if (!worker.alive()) await worker.restart();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const record = await handle.result();
  hook.close();
  expect(stops.map(({ marker }) => readFileSync(marker, 'utf8'))).toEqual(['1', '1']);
  expect(target.applied.get('a')).toBe(1);
  expect(record.steps[0]?.outcome?.status).toBe('already');
});

test('a worker that is asked to stop finishes its step; another one takes what follows', limit, async () => {
  const queue = `stopping-${randomUUID()}`;
  const target = hookTarget();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let observations = 0;
  const hook = await startHookServer(async (call) => {
    observations += 1;
    if (observations === 1) await held;
    return target.answer(call);
  });
  const plan = testPlan([hookStep('a', hook.url), hookStep('b', hook.url, ['a'])], { domain: 'stopping' });
  const first = await startWorkerProcess(lab.lab, { name: 'worker-3', address: lab.address, queue });
  const handle = await startPlan(plan, queue);
  await whenStatus(handle, () => observations === 1);
  process.kill(first.pid, 'SIGTERM');
  await startWorkerProcess(lab.lab, { name: 'worker-4', address: lab.address, queue });
  release();
  const record = await handle.result();
  hook.close();
  expect(record.outcome).toBe('completed');
  expect([...target.applied.values()]).toEqual([1, 1]);
  const { events = [] } = (await handle.fetchHistory()) ?? {};
  const attempts = (events ?? []).flatMap((event) => event.activityTaskStartedEventAttributes?.attempt ?? []);
  expect(attempts).toEqual([1, 1]);
  while (first.alive()) await new Promise((resolve) => setTimeout(resolve, 100));
});
