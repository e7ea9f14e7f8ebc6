import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CompiledPlan } from '../../activities/compile-plan.ts';
import type { RunRecord } from '../../domain/run.ts';
import type { runRunbook } from '../../workflows/run-runbook.ts';
import type { WorkflowHandle } from '@temporalio/client';
import * as messages from '../../workflows/messages.ts';
import { rejectionOf } from './rejection.ts';
import { scriptedSteps } from './scripted-steps.ts';
import { compiled, testPlan } from './test-plan.ts';
import { execute, openWorkflowLab, stepIn, whenStatus, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 60_000);
afterAll(() => lab.close());

const limit = { timeout: 60_000 };
const request = { runbook: 'site-failover', mode: 'real', by: 'ann', reason: 'storm' } as const;
const isWaiting = (record: RunRecord) => record.phase === 'awaiting-approval';

/** A run whose policy asks for an approval, and what people answer. */
async function runAsking(
  domain: string,
  policy: Partial<CompiledPlan['policy']>,
  answer: (run: WorkflowHandle<typeof runRunbook>, digest: string) => Promise<unknown>,
): Promise<{ readonly record: RunRecord; readonly steps: readonly string[]; readonly digest: string }> {
  const script = scriptedSteps();
  const plan = compiled(testPlan([{ id: 'a' }], { domain }), { approval: 'always', ...policy });
  return lab.withWorker({ compiled: plan, steps: script.steps }, async (queue) => {
    const run = await lab.startRun(queue, request);
    await whenStatus(run, isWaiting);
    const { digest } = plan.plan;
    await answer(run, digest);
    const { record } = await run.result();
    return { record, steps: script.calls.map(({ step }) => step), digest };
  });
}

const approval = (digest: string) => ({ planDigest: digest.slice(0, 12), by: 'bob', reason: 'seen' });

test('an approved run executes, and its record keeps who approved', limit, async () => {
  const { record, steps } = await runAsking('approved', {}, (run, digest) =>
    run.executeUpdate(messages.approveUpdate, { args: [approval(digest)] }),
  );
  expect(record.outcome).toBe('completed');
  expect(record.decisions).toMatchObject([{ action: 'approve', by: 'bob', reason: 'seen' }]);
  expect(steps).toEqual(['a']);
});

test('a declined run ends as refused, and nothing was executed', limit, async () => {
  const { record, steps } = await runAsking('declined', {}, (run) =>
    run.executeUpdate(messages.declineUpdate, { args: [{ by: 'bob', reason: 'false alarm' }] }),
  );
  expect(record.outcome).toBe('refused');
  expect(record.because).toEqual(['declined by bob: false alarm']);
  expect(steps).toEqual([]);
});

test('an approval that nobody gave is a refusal', limit, async () => {
  const { record, steps, digest } = await runAsking('silence', { approvalTimeoutMs: 4_000 }, async () => {});
  expect(record.outcome).toBe('refused');
  expect(record.because).toEqual([`nobody approved plan ${digest} within 4 s, which counts as a refusal`]);
  expect(steps).toEqual([]);
});

test('an approval counts for one plan and from somebody else only', limit, async () => {
  const rejections: string[] = [];
  const { digest } = await runAsking('rules', { approvers: ['bob', 'cid'] }, async (run, waiting) => {
    const right = approval(waiting);
    const attempts = [
      { ...right, planDigest: 'f'.repeat(64) },
      { ...right, planDigest: waiting.slice(0, 11) },
      { ...right, by: 'Ann ' },
      { ...right, by: 'eve' },
    ];
    for (const attempt of attempts) {
      rejections.push(await rejectionOf(run.executeUpdate(messages.approveUpdate, { args: [attempt] })));
    }
    await run.executeUpdate(messages.approveUpdate, { args: [{ ...right, by: 'BOB' }] });
    rejections.push(await rejectionOf(run.executeUpdate(messages.approveUpdate, { args: [right] })));
  });
  const wrongPlan = (named: string) =>
    `approve: the approval names plan ${named}, but the plan that waits is ${digest}; ` +
    'look at that plan and approve it by its digest (at least 12 characters)';
  expect(rejections.slice(0, 4)).toEqual([
    wrongPlan('f'.repeat(64)),
    wrongPlan(digest.slice(0, 11)),
    'approve: Ann  asked for this run and cannot approve it; somebody else has to',
    'approve: eve may not approve this run; those who may are bob, cid',
  ]);
  expect(rejections[4]).toMatch(/^approve: this run is .* and waits for no approval/);
});

const approveStep = (timeoutMs: number) => ({
  id: 'ask',
  kind: 'approve',
  reversibility: 'forward-only' as const,
  parameters: { message: 'Really?', approvers: [], timeoutMs },
});

test(
  'an approve step waits for a person; declined or unanswered it parks and can be asked again',
  limit,
  async () => {
    const plan = testPlan([approveStep(4_000), { id: 'b', needs: ['ask'] }], { domain: 'approve-step' });
    const seen: (string | undefined)[] = [];
    const record = await execute(lab, plan, scriptedSteps(), async (execution) => {
      seen.push(stepIn(await whenStatus(execution, isWaiting), 'ask').waitingFor);
      seen.push(
        stepIn(await whenStatus(execution, (status) => status.phase === 'parked'), 'ask').outcome?.summary,
      );
      await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'ask' }] });
      await whenStatus(execution, isWaiting);
      await execution.executeUpdate(messages.approveUpdate, { args: [approval(plan.digest)] });
    });
    expect(seen).toEqual([
      'somebody other than the requester to approve or decline within 4 s: Really?',
      'nobody approved within 4 s, which counts as a refusal',
    ]);
    expect(stepIn(record, 'ask').outcome).toMatchObject({ status: 'done', summary: 'approved by bob: seen' });
    expect(record.outcome).toBe('completed');
  },
);

const hold = (holdMs: number, then: 'commit' | 'roll back') => ({
  id: 'look',
  kind: 'hold',
  needs: ['a'],
  reversibility: 'forward-only' as const,
  // oxlint-disable-next-line unicorn/no-thenable -- a word of the runbook
  parameters: { holdMs, then },
});
const held = (holdMs: number, then: 'commit' | 'roll back', domain: string) =>
  testPlan([{ id: 'a' }, hold(holdMs, then), { id: 'b', needs: ['look'] }], { domain });
const isHolding = (record: RunRecord) => record.phase === 'holding';

test('a hold is committed by a person, or by time', limit, async () => {
  const byPerson = await execute(
    lab,
    held(3_600_000, 'roll back', 'commit'),
    scriptedSteps(),
    async (execution) => {
      await whenStatus(execution, isHolding);
      await execution.executeUpdate(messages.commitUpdate, { args: [{ by: 'bob', reason: 'looks good' }] });
    },
  );
  expect(stepIn(byPerson, 'look').outcome?.summary).toBe('committed by bob: looks good');
  const byTime = await execute(lab, held(500, 'commit', 'commit-time'), scriptedSteps());
  expect(stepIn(byTime, 'look').outcome?.summary).toBe('committed: the hold ran out');
  expect([byPerson.outcome, byTime.outcome]).toEqual(['completed', 'completed']);
});

test('a hold is rolled back by a person, or by time: what came before is undone', limit, async () => {
  const byPerson = await execute(
    lab,
    held(3_600_000, 'commit', 'roll'),
    scriptedSteps(),
    async (execution) => {
      await whenStatus(execution, isHolding);
      await execution.executeUpdate(messages.rollBackUpdate, { args: [{ by: 'bob', reason: 'errors' }] });
    },
  );
  const byTime = await execute(lab, held(500, 'roll back', 'roll-time'), scriptedSteps());
  for (const record of [byPerson, byTime]) {
    expect(record.outcome).toBe('aborted');
    expect(record.steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'a undone',
      'look finished',
      'b not reached',
    ]);
  }
  expect(byTime.decisions).toMatchObject([{ action: 'roll back', by: 'the hold' }]);
});

test('a hold that can no longer roll back by itself parks and says why', limit, async () => {
  const [a, ...rest] = held(300, 'roll back', 'roll-late').steps;
  const plan = testPlan([{ id: a?.id ?? '', reversibility: 'point-of-no-return' }, ...rest], {
    domain: 'roll-late',
  });
  const record = await execute(lab, plan, scriptedSteps(), async (execution) => {
    await whenStatus(execution, (seen) => seen.phase === 'parked');
    await execution.executeUpdate(messages.skipUpdate, {
      args: [{ step: 'look', by: 'bob', reason: 'go on' }],
    });
  });
  expect(stepIn(record, 'look').outcome?.details).toEqual([
    'before that: refused: cannot roll back: a has passed its point of no return: ' +
      'the only way is forward (retry, force, accept or skip what is parked)',
  ]);
});

test('a precheck says what it would wait for, and waits for nobody', limit, async () => {
  const plan = testPlan([approveStep(60_000), ...held(60_000, 'commit', '').steps], { mode: 'precheck' });
  const { record } = await lab.withWorker(
    { compiled: compiled(plan), steps: scriptedSteps().steps },
    async (queue) => (await lab.startRun(queue, { runbook: 'site-failover' })).result(),
  );
  expect(record.outcome).toBe('precheck passed');
  expect(stepIn(record, 'ask').outcome?.summary).toBe(
    'would wait for somebody other than the requester to approve or decline within 60 s: Really?',
  );
});
