import { afterAll, beforeAll, expect, test } from 'vitest';
import { Context } from '@temporalio/activity';
import type { AbortCommand } from '../../domain/run-commands.ts';
import type { RunRecord } from '../../domain/run.ts';
import * as messages from '../../workflows/messages.ts';
import { rejectionOf } from './rejection.ts';
import { scriptedSteps } from './scripted-steps.ts';
import { testOutcome, testPlan } from './test-plan.ts';
import { execute, openWorkflowLab, stepIn, whenStatus, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 60_000);
afterAll(() => lab.close());

const limit = { timeout: 60_000 };
const isParked = (record: RunRecord) => record.phase === 'parked';
const abort: { readonly args: [AbortCommand] } = { args: [{ by: 'bob', reason: 'storm is over' }] };
const undone = (script: ReturnType<typeof scriptedSteps>) =>
  script.calls.filter(({ mode }) => mode === 'undo').map(({ step, snapshot }) => ({ step, snapshot }));

test(
  'an abort undoes the reversible steps in reverse order, with what each recorded before',
  limit,
  async () => {
    const plan = testPlan(
      [
        { id: 'a' },
        { id: 'b', needs: ['a'] },
        { id: 'note', needs: ['b'], reversibility: 'forward-only' },
        { id: 'c', needs: ['note'] },
        { id: 'd', needs: ['c'] },
        { id: 'never', needs: ['d'] },
      ],
      { domain: 'abort' },
    );
    const script = scriptedSteps({
      c: [testOutcome('already', 'c was so before')],
      d: [testOutcome('failed', 'd broke', { snapshot: { before: 'd' } })],
    });
    const record = await execute(lab, plan, script, async (execution) => {
      await whenStatus(execution, isParked);
      await execution.executeUpdate(messages.abortUpdate, abort);
    });
    expect(record.outcome).toBe('aborted');
    // c was so before this run: it is none of our business to change it.
    expect(undone(script)).toEqual(['d', 'b', 'a'].map((step) => ({ step, snapshot: { before: step } })));
    expect(record.steps.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'undone'],
      ['b', 'undone'],
      ['note', 'finished'],
      ['c', 'finished'],
      ['d', 'undone'],
      ['never', 'not reached'],
    ]);
    expect(record.leftToDo).toEqual(['note: stays as it is: this kind of step is not undone']);
  },
);

test('the first snapshot counts when a step was tried again', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'snapshot' });
  const script = scriptedSteps({
    a: [
      testOutcome('failed', 'half', { snapshot: { before: 'original' } }),
      testOutcome('done', 'whole', { snapshot: { before: 'half' } }),
    ],
    b: [testOutcome('refused')],
  });
  await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, isParked);
    await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'a' }] });
    await whenStatus(execution, (record) => stepIn(record, 'b').state === 'parked');
    await execution.executeUpdate(messages.abortUpdate, abort);
  });
  expect(undone(script)).toEqual([{ step: 'a', snapshot: { before: 'original' } }]);
});

test('an abort stops a running step, looks what it has done, and undoes it', limit, async () => {
  const plan = testPlan([{ id: 'a' }], { domain: 'stop' });
  const script = scriptedSteps({
    a: [
      async () => {
        const context = Context.current();
        for (;;) {
          context.heartbeat();
          await context.sleep(100);
        }
      },
    ],
    'precheck a': [testOutcome('already', 'a had got through', { snapshot: { before: 'a' } })],
  });
  const record = await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, (seen) => stepIn(seen, 'a').state === 'running');
    await execution.executeUpdate(messages.abortUpdate, abort);
  });
  expect(script.calls.map(({ mode }) => mode)).toEqual(['apply', 'precheck', 'undo']);
  expect(record.outcome).toBe('aborted');
  expect(stepIn(record, 'a').state).toBe('undone');
});

test('an undo that does not work parks and is tried again or skipped', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b' }, { id: 'c', needs: ['a', 'b'] }], { domain: 'undo-parks' });
  const broken = testOutcome('failed', 'the gateway is down');
  const script = scriptedSteps({
    c: [testOutcome('refused')],
    'undo a': [broken, testOutcome('done', 'a is back')],
    'undo b': [broken],
  });
  const isUndoParked = (id: string) => (record: RunRecord) =>
    stepIn(record, id).waitingFor !== undefined && isParked(record);
  const record = await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, isParked);
    await execution.executeUpdate(messages.abortUpdate, abort);
    const seen = await whenStatus(
      execution,
      (status) => isUndoParked('a')(status) || isUndoParked('b')(status),
    );
    const isAFirst = isUndoParked('a')(seen);
    if (isAFirst) await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'a' }] });
    await whenStatus(execution, isUndoParked('b'));
    await execution.executeUpdate(messages.skipUpdate, {
      args: [{ step: 'b', by: 'bob', reason: 'by hand' }],
    });
    if (!isAFirst) {
      await whenStatus(execution, isUndoParked('a'));
      await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'a' }] });
    }
  });
  expect(record.outcome).toBe('aborted');
  expect(stepIn(record, 'a')).toMatchObject({
    state: 'undone',
    undo: { status: 'done', summary: 'a is back' },
  });
  expect(stepIn(record, 'b').undo).toMatchObject({ status: 'skipped', summary: 'skipped by bob: by hand' });
  expect(record.leftToDo).toEqual(['b: skipped by bob (by hand); see to it by hand']);
});

test(
  'after a point of no return an abort is refused with the reason, and so is a cancellation',
  limit,
  async () => {
    const plan = testPlan(
      [
        { id: 'promote', reversibility: 'point-of-no-return' },
        { id: 'b', needs: ['promote'] },
      ],
      { domain: 'no-return' },
    );
    const script = scriptedSteps({ b: [testOutcome('failed', 'b broke'), testOutcome('done')] });
    const reason =
      'promote has passed its point of no return: the only way is forward (retry, force, accept or skip what is parked)';
    const record = await execute(lab, plan, script, async (execution) => {
      await whenStatus(execution, isParked);
      expect(await rejectionOf(execution.executeUpdate(messages.abortUpdate, abort))).toBe(
        `abort: ${reason}`,
      );
      await execution.cancel();
      await whenStatus(execution, (seen) => seen.because !== undefined);
      await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'b' }] });
    });
    expect(record.outcome).toBe('completed');
    expect(record.because).toEqual([`cancellation not followed: ${reason}`]);
  },
);

test('cancelling the run that was started aborts its plan, and its report says so', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'cancel' });
  const script = scriptedSteps({ b: [testOutcome('refused')] });
  const record = await execute(lab, plan, script, async (execution) => {
    const { operation } = await whenStatus(execution, isParked);
    await lab.client.workflow.getHandle(operation.id).cancel();
  });
  expect(record.outcome).toBe('aborted');
  expect(undone(script)).toEqual([{ step: 'a', snapshot: { before: 'a' } }]);
  expect(record.decisions).toMatchObject([{ action: 'abort', by: 'cancellation of the workflow' }]);
});
