import type { ScriptedSteps } from '../workflow/scripted-steps.ts';
import { scriptedSteps } from '../workflow/scripted-steps.ts';
import * as messages from '../../workflows/messages.ts';
import { testOutcome, testPlan } from '../workflow/test-plan.ts';
import type { CompiledPlan } from '../../activities/compile-plan.ts';
import type { ApproveCommand } from '../../domain/run-commands.ts';
import type { Plan } from '../../domain/plan.ts';
import { stepIn, whenStatus, type Execution, type StartedRun } from '../workflow/workflow-lab.ts';

/** One way through the workflows, of which a history is kept. */
export interface ReplayScenario {
  readonly plan: Plan;
  readonly policy?: Partial<CompiledPlan['policy']>;
  readonly script: ScriptedSteps;
  readonly operate?: (run: StartedRun, execution: Execution) => Promise<unknown>;
}

const said = { by: 'bob', reason: 'because' };
const isParked = (record: { readonly phase: string }) => record.phase === 'parked';
const retry = (step: string) => ({ args: [{ step }] as [{ step: string }] });

const approvedPlan = testPlan(
  [{ id: 'ask', kind: 'approve', parameters: { message: 'Go?', approvers: [], timeoutMs: 60_000 } }],
  {
    domain: 'approved',
  },
);

export const replayScenarios = (): { readonly [name: string]: ReplayScenario } => ({
  completed: {
    plan: testPlan(
      [
        { id: 'claim', kind: 'claimEpoch', reversibility: 'forward-only' },
        { id: 'a' },
        { id: 'b' },
        { id: 'c', needs: ['a', 'b'], reversibility: 'point-of-no-return' },
      ],
      { domain: 'completed' },
    ),
    script: scriptedSteps({ claim: [testOutcome('done', 'claimed 3', { after: { epoch: 3 } })] }),
  },
  precheck: {
    plan: testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'precheck', mode: 'precheck' }),
    script: scriptedSteps({ 'precheck b': [testOutcome('refused', 'too far behind')] }),
  },
  operated: {
    plan: testPlan([{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }], { domain: 'operated' }),
    script: scriptedSteps({
      a: [testOutcome('failed', 'broke'), testOutcome('done')],
      b: [({ style }) => testOutcome(style === 'forced' ? 'done' : 'refused')],
      c: [({ overrides }) => testOutcome(overrides === undefined ? 'refused' : 'done')],
      d: [testOutcome('unknown', 'no answer')],
      'precheck d': [testOutcome('unknown', 'still no answer')],
    }),
    operate: async (_run, execution) => {
      await whenStatus(execution, (record) => record.steps.every((step) => step.state === 'parked'));
      await execution.executeUpdate(messages.retryUpdate, retry('a'));
      await execution.executeUpdate(messages.forceUpdate, { args: [{ step: 'b', ...said }] });
      await execution.executeUpdate(messages.acceptUpdate, {
        args: [{ step: 'c', override: 'acceptLoss', ...said }],
      });
      await execution.executeUpdate(messages.setStyleUpdate, { args: [{ style: 'forced', ...said }] });
      await execution.executeUpdate(messages.skipUpdate, { args: [{ step: 'd', ...said }] });
    },
  },
  aborted: {
    plan: testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }, { id: 'c', needs: ['b'] }], {
      domain: 'aborted',
    }),
    script: scriptedSteps({
      c: [testOutcome('refused')],
      'undo b': [testOutcome('failed', 'no'), testOutcome('done')],
    }),
    operate: async (_run, execution) => {
      await whenStatus(execution, isParked);
      await execution.executeUpdate(messages.abortUpdate, { args: [said] });
      await whenStatus(execution, (record) => stepIn(record, 'b').undo !== undefined && isParked(record));
      await execution.executeUpdate(messages.retryUpdate, retry('b'));
    },
  },
  approved: {
    plan: approvedPlan,
    policy: { approval: 'always' },
    script: scriptedSteps(),
    operate: async (run, execution) => {
      const approval = { args: [{ ...said, planDigest: approvedPlan.digest }] as [ApproveCommand] };
      const isWaiting = (record: { readonly phase: string }) => record.phase === 'awaiting-approval';
      await whenStatus(run, isWaiting);
      await run.executeUpdate(messages.approveUpdate, approval);
      await whenStatus(execution, isWaiting);
      await execution.executeUpdate(messages.approveUpdate, approval);
    },
  },
  'rolled-back': {
    plan: testPlan(
      [
        { id: 'a' },
        // oxlint-disable-next-line unicorn/no-thenable -- a word of the runbook
        { id: 'look', kind: 'hold', needs: ['a'], parameters: { holdMs: 300, then: 'roll back' } },
      ],
      { domain: 'rolled-back' },
    ),
    script: scriptedSteps(),
  },
  cancelled: {
    plan: testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'cancelled' }),
    script: scriptedSteps({ b: [testOutcome('refused')] }),
    operate: async (run, execution) => {
      await whenStatus(execution, isParked);
      await run.cancel();
    },
  },
});
