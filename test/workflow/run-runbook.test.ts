import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { RunRequest } from '../../domain/run.ts';
import type { Plan } from '../../domain/plan.ts';
import { planDigest } from '../../domain/plan-digest.ts';
import { planWorkflowId } from '../../domain/search-attributes.ts';
import type { executePlan } from '../../workflows/execute-plan.ts';
import * as messages from '../../workflows/messages.ts';
import { rejectionOf } from './rejection.ts';
import { scriptedSteps } from './scripted-steps.ts';
import { compiled, testOutcome, testPlan } from './test-plan.ts';
import { executionOf, openWorkflowLab, stepIn, whenStatus, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 60_000);
afterAll(() => lab.close());

const limit = { timeout: 60_000 };
const request = { runbook: 'site-failover', from: 'east', to: 'west', by: 'ann', reason: 'storm' } as const;

async function run(plan: Plan, asked: RunRequest, script = scriptedSteps()) {
  return lab.withWorker({ compiled: compiled(plan), steps: script.steps }, async (queue) =>
    (await lab.startRun(queue, asked)).result(),
  );
}

test('a precheck asks every step what it would do and changes nothing', limit, async () => {
  const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }, { id: 'c', needs: ['b'] }], {
    mode: 'precheck',
  });
  const script = scriptedSteps({ 'precheck b': [testOutcome('refused', 'the standby is behind')] });
  const { record, markdown } = await run(plan, { runbook: 'site-failover' }, script);
  expect(record.outcome).toBe('precheck found problems');
  expect(record.steps.map(({ id, state, outcome }) => `${id} ${state} ${outcome?.status}`)).toEqual([
    'a finished planned',
    'b finished refused',
    'c finished planned',
  ]);
  expect(script.calls.map(({ mode }) => mode)).toEqual(['precheck', 'precheck', 'precheck']);
  expect(markdown).toContain('the standby is behind');
});

test('a precheck can be cancelled, whatever it looks at', limit, async () => {
  const plan = testPlan(
    [
      { id: 'a', reversibility: 'point-of-no-return' },
      { id: 'b', needs: ['a'] },
    ],
    {
      mode: 'precheck',
    },
  );
  const { resolve, promise } = Promise.withResolvers<void>();
  const script = scriptedSteps({
    'precheck a': [
      async () => {
        await promise;
        return testOutcome('planned');
      },
    ],
  });
  const { record } = await lab.withWorker(
    { compiled: compiled(plan), steps: script.steps },
    async (queue) => {
      const handle = await lab.startRun(queue, request);
      await whenStatus(handle, (seen) => seen.steps.some((step) => step.state === 'running'));
      await handle.cancel();
      setTimeout(resolve, 500);
      return handle.result();
    },
  );
  expect(record.outcome).toBe('aborted');
  expect(script.calls.map(({ mode, step }) => `${mode} ${step}`)).toEqual(['precheck a']);
});

test('a wrong request fails at once and lists everything that is wrong with it', limit, async () => {
  const wrong = { runbok: 'x', mode: 'now', from: 'East', style: 1 } as unknown as RunRequest;
  const failure = await run(testPlan([]), wrong).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  const cause = (failure as WorkflowFailedError).cause as ApplicationFailure;
  expect(cause.type).toBe('InvalidRequest');
  expect(cause.message.split('\n')).toEqual([
    'this run cannot start:',
    '- unknown field "runbok"; fields: runbook, from, to, mode, drill, style, reason, by, planDigest, parameters',
    '- from must be a name of lower-case letters, digits, dots, dashes or underscores; seen "East"',
    '- mode must be precheck or real; seen "now"',
    '- style must be graceful or forced; seen 1',
    '- runbook is required',
  ]);
});

test(
  'a run that was asked for with the digest of another plan is refused before anything is done',
  limit,
  async () => {
    const script = scriptedSteps();
    const plan = testPlan([{ id: 'a' }], { domain: 'digest' });
    const { record } = await run(plan, { ...request, mode: 'real', planDigest: 'f'.repeat(64) }, script);
    expect(record.outcome).toBe('refused');
    expect(record.because).toEqual([
      `the plan is now ${plan.digest}, not ${'f'.repeat(64)} as asked for: ` +
        'the systems, the inventory or the runbook have changed; look at the new plan and start again',
    ]);
    expect(script.calls).toEqual([]);
  },
);

test('a second run in the same domain is told who holds it, and touches nothing', limit, async () => {
  const plan = testPlan([{ id: 'a' }], { domain: 'lock' });
  const script = scriptedSteps({ a: [testOutcome('refused')] });
  await lab.withWorker({ compiled: compiled(plan), steps: script.steps }, async (queue) => {
    const first = await lab.startRun(queue, { ...request, mode: 'real' }, 'first-run');
    const execution = executionOf(lab, plan);
    await whenStatus(execution, (record) => record.phase === 'parked');
    const { record } = await (await lab.startRun(queue, { ...request, by: 'eve', mode: 'real' })).result();
    expect(record.outcome).toBe('refused');
    expect(record.because?.[0]).toMatch(
      /^domain lock is held by run first-run \(site-failover, by ann: storm\) since \S+Z, now parked; nothing was started\. Follow it in workflow failover\/lock, or wait until it has closed$/,
    );
    expect(script.calls.length).toBe(1);
    await execution.executeUpdate(messages.abortUpdate, { args: [{ by: 'bob', reason: 'test' }] });
    expect((await first.result()).record.outcome).toBe('aborted');
  });
});

test(
  'the run that was started says where its plan runs, and takes no commands for its steps',
  limit,
  async () => {
    const plan = testPlan([{ id: 'a' }], { domain: 'where' });
    const script = scriptedSteps({ a: [testOutcome('failed'), testOutcome('done')] });
    await lab.withWorker({ compiled: compiled(plan), steps: script.steps }, async (queue) => {
      const handle = await lab.startRun(queue, { ...request, mode: 'real' });
      const status = await whenStatus(handle, (record) => record.runningIn !== undefined);
      expect(status).toMatchObject({ phase: 'running', runningIn: 'failover/where' });
      const execution = executionOf(lab, plan);
      await whenStatus(execution, (record) => record.phase === 'parked');
      expect(
        await rejectionOf(
          handle.executeUpdate(messages.approveUpdate, { args: [{ planDigest: plan.digest, by: 'bob' }] }),
        ),
      ).toBe(
        'approve: this run is running and waits for no approval; the plan runs in workflow failover/where',
      );
      await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'a' }] });
      const { record } = await handle.result();
      expect(stepIn(record, 'a').attempts).toBe(2);
      expect(await whenStatus(handle, () => true)).toEqual(record);
    });
  },
);

test(
  'a plan that is not what its digest says, or no plan at all, is refused before any step is called',
  limit,
  async () => {
    const plan = testPlan([{ id: 'a' }], { domain: 'other-content' });
    const changed = { ...plan, steps: [{ ...plan.steps[0], parameters: { host: 'elsewhere' } }] } as Plan;
    const script = scriptedSteps();
    const refusals = await lab.withWorker(
      { compiled: compiled(changed), steps: script.steps },
      async (queue) => {
        const start = (given: Plan) =>
          refusalOf(
            lab.client.workflow.execute<typeof executePlan>('executePlan', {
              taskQueue: queue,
              workflowId: planWorkflowId(plan.domain),
              args: [
                { plan: given, request: { runbook: 'x' }, operation: 'op', startedAt: 0, decisions: [] },
              ],
            }),
          );
        const run = await lab.startRun(
          queue,
          { runbook: 'x', mode: 'real', by: 'ann', reason: 'storm' },
          'refused-run',
        );
        return [
          await start(changed),
          await start({ ...plan, steps: 'a' } as unknown as Plan),
          await refusalOf(run.result()),
        ];
      },
    );
    const refused = (workflow: string, problem: string) =>
      `PlanRefused: workflow ${workflow} cannot execute this plan, and has touched nothing:\n- ${problem}`;
    const { digest: _digest, ...content } = changed;
    const otherDigest = `digest must be that of the plan's content, ${planDigest(content)}; seen ${plan.digest}`;
    expect(refusals).toEqual([
      refused('failover/other-content', otherDigest),
      refused('failover/other-content', 'steps must be a list of at least one step; seen "a"'),
      refused('refused-run', otherDigest),
    ]);
    expect(script.calls).toEqual([]);
  },
);

const refusalOf = async (result: Promise<unknown>): Promise<string> => {
  const failure = await result.then(String, (error: unknown) => error);
  const { cause } = failure as WorkflowFailedError;
  return cause instanceof ApplicationFailure ? `${cause.type}: ${cause.message}` : String(failure);
};
