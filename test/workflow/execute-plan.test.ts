import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../domain/run.ts';
import * as messages from '../../workflows/messages.ts';
import { scriptedSteps } from './scripted-steps.ts';
import { testOutcome, testPlan } from './test-plan.ts';
import {
  execute,
  executionOf,
  openWorkflowLab,
  stepIn,
  whenStatus,
  type WorkflowLab,
} from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 60_000);
afterAll(() => lab.close());

const limit = { timeout: 60_000 };
const isParked = (record: RunRecord) => record.phase === 'parked';

const states = (record: RunRecord) =>
  Object.fromEntries(
    record.steps.map(({ id, state, outcome }) => [id, `${state} ${outcome?.status ?? ''}`.trim()]),
  );

test('steps that do not need each other run at the same time', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b' }, { id: 'c', needs: ['a', 'b'] }], { domain: 'parallel' });
  const arrived = new Set<string>();
  const meet = async ({ step }: { readonly step: string }) => {
    arrived.add(step);
    while (arrived.size < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return testOutcome('done', `${step} met the other one`);
  };
  const record = await execute(lab, plan, scriptedSteps({ a: [meet], b: [meet] }));
  expect(record.outcome).toBe('completed');
  expect(states(record)).toEqual({ a: 'finished done', b: 'finished done', c: 'finished done' });
});

test('a failed step stops only what needs it, and goes on after a retry', limit, async () => {
  const plan = testPlan(
    [{ id: 'a' }, { id: 'after-a', needs: ['a'] }, { id: 'b' }, { id: 'after-b', needs: ['b'] }],
    { domain: 'retry' },
  );
  const script = scriptedSteps({ a: [testOutcome('failed', 'a broke'), testOutcome('done', 'a works')] });
  let parked: RunRecord | undefined;
  const record = await execute(lab, plan, script, async (execution) => {
    parked = await whenStatus(
      execution,
      (seen) => isParked(seen) && stepIn(seen, 'after-b').state === 'finished',
    );
    await execution.executeUpdate(messages.retryUpdate, {
      args: [{ step: 'a', by: 'bob', reason: 'repaired' }],
    });
  });
  expect(states(parked as RunRecord)).toEqual({
    a: 'parked failed',
    'after-a': 'waiting',
    b: 'finished done',
    'after-b': 'finished done',
  });
  expect(stepIn(parked as RunRecord, 'a').waitingFor).toBe(
    'an operator (retry, force, skip or abort): failed: a broke',
  );
  expect(record.outcome).toBe('completed');
  expect(stepIn(record, 'a').attempts).toBe(2);
  expect(record.decisions).toMatchObject([{ by: 'bob', action: 'retry', step: 'a', reason: 'repaired' }]);
});

test('a skipped step lets the rest go on, and the run says so', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'skip' });
  const script = scriptedSteps({
    a: [testOutcome('refused', 'not allowed', { details: ['the lag is too large'] })],
  });
  const record = await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, isParked);
    await execution.executeUpdate(messages.skipUpdate, {
      args: [{ step: 'a', by: 'bob', reason: 'not needed today' }],
    });
  });
  expect(record.outcome).toBe('completed with skips');
  expect(stepIn(record, 'a').outcome).toMatchObject({
    status: 'skipped',
    summary: 'skipped by bob: not needed today',
    details: ['before that: refused: not allowed'],
  });
  expect(record.leftToDo).toEqual(['a: skipped by bob (not needed today); see to it by hand']);
  expect(stepIn(record, 'b').outcome?.status).toBe('done');
});

test('force runs a parked step forced; accept hands its override to the step', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b' }], { domain: 'force' });
  const script = scriptedSteps({
    a: [({ style }) => testOutcome(style === 'forced' ? 'done' : 'refused')],
    b: [
      ({ overrides }) =>
        overrides?.acceptLoss === 'ten are gone' ? testOutcome('done') : testOutcome('refused'),
    ],
  });
  const record = await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, (seen) => seen.steps.every((step) => step.state === 'parked'));
    await execution.executeUpdate(messages.forceUpdate, {
      args: [{ step: 'a', by: 'bob', reason: 'dead anyway' }],
    });
    await execution.executeUpdate(messages.acceptUpdate, {
      args: [{ step: 'b', override: 'acceptLoss', by: 'bob', reason: 'ten are gone' }],
    });
  });
  expect(record.outcome).toBe('completed');
  expect(record.decisions.map(({ action, reason }) => [action, reason])).toEqual([
    ['force', 'dead anyway'],
    ['accept', 'acceptLoss: ten are gone'],
  ]);
});

test(
  'a style switched in mid-run counts for what starts afterwards; where the runbook fixes it, only by name',
  limit,
  async () => {
    const plan = testPlan(
      [
        { id: 'a' },
        { id: 'b', needs: ['a'] },
        { id: 'c', needs: ['a'], style: 'graceful' },
        { id: 'd', needs: ['a'], style: 'graceful' },
      ],
      {
        domain: 'style',
      },
    );
    const script = scriptedSteps({ a: [testOutcome('failed'), testOutcome('done')] });
    const record = await execute(lab, plan, script, async (execution) => {
      await whenStatus(execution, isParked);
      await execution.executeUpdate(messages.setStyleUpdate, {
        args: [{ style: 'forced', by: 'bob', reason: 'hurry' }],
      });
      await execution.executeUpdate(messages.setStyleUpdate, {
        args: [{ style: 'forced', step: 'd', by: 'bob', reason: 'the site is gone' }],
      });
      await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'a' }] });
    });
    expect(record.style).toBe('forced');
    expect(script.calls.map(({ step, style }) => `${step} ${style}`).sort()).toEqual([
      'a forced',
      'a graceful',
      'b forced',
      'c graceful',
      'd forced',
    ]);
    expect(record.decisions.map(({ action, step, reason }) => [action, step, reason]).slice(0, 2)).toEqual([
      ['style', undefined, 'forced: hurry'],
      ['style', 'd', 'forced: the site is gone'],
    ]);
  },
);

test('the epoch is claimed before anything that stamps one, and handed to every step', limit, async () => {
  const plan = testPlan(
    [
      { id: 'a' },
      { id: 'b', needs: ['a'] },
      { id: 'claim', kind: 'claimEpoch', reversibility: 'forward-only' },
    ],
    { domain: 'claim' },
  );
  const script = scriptedSteps({ claim: [testOutcome('done', 'claimed 12', { after: { epoch: 12 } })] });
  const steps = { ...script.steps, claimEpoch: script.steps.fakeStep };
  const record = await execute(lab, plan, { steps });
  expect(script.calls.map(({ step, operation }) => `${step} ${operation.epoch}`)).toEqual([
    'claim 0',
    'a 12',
    'b 12',
  ]);
  expect(record.operation).toEqual({ id: record.operation.id, domain: 'claim', epoch: 12 });
  expect(new Set(script.calls.map(({ operation }) => operation.id))).toEqual(new Set([record.operation.id]));
});

test('after an unknown outcome the target is looked at before anybody is asked', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b' }], { domain: 'unknown' });
  const lost = testOutcome('unknown', 'the answer was lost');
  const script = scriptedSteps({
    a: [lost],
    'precheck a': [testOutcome('already', 'a is there', { snapshot: { before: 'a' } })],
    b: [lost, testOutcome('done', 'b works')],
    'precheck b': [testOutcome('planned', 'b is not there')],
  });
  let parked: RunRecord | undefined;
  const record = await execute(lab, plan, script, async (execution) => {
    parked = await whenStatus(execution, (seen) => isParked(seen) && stepIn(seen, 'a').state === 'finished');
    await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'b' }] });
  });
  expect(stepIn(parked as RunRecord, 'a').outcome).toMatchObject({
    status: 'already',
    summary: 'a is there',
  });
  expect(stepIn(parked as RunRecord, 'b').outcome?.details).toEqual([
    'looked again: planned: b is not there',
  ]);
  expect(record.outcome).toBe('completed');
});

test('skipping a step whose state is unknown looks once more and takes what is there', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'skip-unknown' });
  const script = scriptedSteps({
    a: [testOutcome('unknown', 'no answer')],
    'precheck a': [
      testOutcome('unknown', 'still no answer'),
      testOutcome('already', 'it is there after all'),
    ],
  });
  const record = await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, isParked);
    await execution.executeUpdate(messages.skipUpdate, { args: [{ step: 'a', by: 'bob', reason: 'go on' }] });
  });
  expect(stepIn(record, 'a').outcome).toMatchObject({ status: 'already', summary: 'it is there after all' });
  expect(record.outcome).toBe('completed');
});

test('a step that keeps throwing parks as unknown, with the message of its last attempt', limit, async () => {
  const plan = testPlan([{ id: 'a' }], { domain: 'throws' });
  let attempts = 0;
  const script = scriptedSteps({
    a: [
      () => {
        attempts += 1;
        throw new Error(`no route to the gateway (attempt ${attempts})`);
      },
    ],
  });
  const record = await execute(lab, plan, script, async (execution) => {
    await whenStatus(execution, isParked);
    await execution.executeUpdate(messages.skipUpdate, { args: [{ step: 'a', by: 'bob', reason: 'test' }] });
  });
  expect(attempts).toBe(8);
  expect(stepIn(record, 'a').outcome?.details).toEqual([
    'before that: unknown: no route to the gateway (attempt 8)',
  ]);
});

test('search attributes, memo, details and summaries say what is going on', limit, async () => {
  const plan = testPlan([{ id: 'a' }], { domain: 'metadata' });
  await execute(lab, plan, scriptedSteps());
  const execution = executionOf(lab, plan);
  const { searchAttributes, memo } = await execution.describe();
  expect(searchAttributes).toMatchObject({
    DrDomain: ['metadata'],
    DrRunbook: ['site-failover'],
    DrPhase: ['closed'],
    DrMode: ['real'],
    DrOutcome: ['completed'],
    DrFrom: ['east'],
    DrTo: ['west'],
  });
  expect(memo).toMatchObject({ by: 'ann', reason: 'storm', runbook: 'site-failover' });
  const { events } = await execution.fetchHistory();
  const scheduled = events?.find((event) => event.activityTaskScheduledEventAttributes);
  expect(scheduled?.activityTaskScheduledEventAttributes?.activityId).toBe('a');
  expect(Buffer.from(scheduled?.userMetadata?.summary?.data ?? []).toString()).toBe('"Do a"');
});
