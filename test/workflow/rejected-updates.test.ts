import { afterAll, beforeAll, expect, test } from 'vitest';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { commandNames } from '../../domain/run-commands.ts';
import * as messages from '../../workflows/messages.ts';
import { rejectionOf } from './rejection.ts';
import { scriptedSteps } from './scripted-steps.ts';
import { testOutcome, testPlan } from './test-plan.ts';
import { execute, openWorkflowLab, whenStatus, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 60_000);
afterAll(() => lab.close());

const said = { by: 'bob', reason: 'because' };

/** Update, what the UI might send as its one payload, and what it is told. */
const rejected: readonly (readonly [string, unknown, string])[] = [
  ['retry', undefined, 'retry takes one JSON object {step, by?, reason?}; seen nothing'],
  ['retry', 'a', 'retry takes one JSON object {step, by?, reason?}; seen "a"'],
  [
    'retry',
    { stp: 'a' },
    'retry: unknown field "stp"; expected {step, by?, reason?}\nretry: step must be a text of 1 to 1000 characters; seen nothing',
  ],
  ['retry', { step: 'b' }, 'retry: b is waiting; only a parked step can be retried'],
  ['retry', { step: 'x' }, 'retry: there is no step "x"; steps: a, b'],
  [
    'skip',
    { step: 'a' },
    'skip: by must be a text of 1 to 1000 characters; seen nothing\nskip: reason must be a text of 1 to 1000 characters; seen nothing',
  ],
  ['setStyle', { style: 'graceful', ...said }, 'setStyle: the run is graceful already'],
  ['approve', { planDigest: 'x', by: 'bob' }, 'approve: no approve step waits now'],
  ['decline', said, 'decline: no approve step waits now'],
  ['commit', { by: 'bob' }, 'commit: no hold step waits now'],
  ['rollBack', said, 'rollBack: no hold step waits now'],
  ['force', { step: 'b', ...said }, 'force: b is waiting; only a parked step can be forced'],
  [
    'accept',
    { step: 'b', override: 'acceptLoss', ...said },
    'accept: b is waiting; only a parked step can be overridden',
  ],
  ['abort', null, 'abort takes one JSON object {by, reason}; seen null'],
];

test(
  'a rejected Update is answered with the reason and leaves no trace in the history',
  { timeout: 60_000 },
  async () => {
    const plan = testPlan([{ id: 'a' }, { id: 'b', needs: ['a'] }], { domain: 'rejected' });
    const script = scriptedSteps({ a: [testOutcome('refused'), testOutcome('done')] });
    const record = await execute(lab, plan, script, async (execution) => {
      await whenStatus(execution, (seen) => seen.phase === 'parked');
      const length = async () => (await execution.describe()).historyLength;
      const before = await length();
      for (const [name, payload, message] of rejected) {
        const args = (payload === undefined ? [] : [payload]) as [unknown];
        expect(await rejectionOf(execution.executeUpdate(name, { args }))).toBe(message);
      }
      expect(await length()).toBe(before);
      await execution.executeUpdate(messages.retryUpdate, { args: [{ step: 'a' }] });
    });
    expect(record.decisions.length).toBe(1);
  },
);

test(
  'every Update has a description that ends with its payload, for the dialog of the UI',
  { timeout: 60_000 },
  async () => {
    const plan = testPlan([{ id: 'a' }], { domain: 'described' });
    const script = scriptedSteps({ a: [testOutcome('refused')] });
    await execute(lab, plan, script, async (execution) => {
      await whenStatus(execution, (seen) => seen.phase === 'parked');
      const { definition, currentDetails } = await execution.query(workflowMetadataQuery);
      const updates = definition?.updateDefinitions ?? [];
      expect(updates.map(({ name }) => String(name)).sort()).toEqual([...commandNames].sort());
      for (const { name, description } of updates)
        expect(`${name}: ${description}`).toMatch(/\. Payload: \{"[^}]*\}$/);
      // The columns are held apart by spaces that do not break.
      expect(currentDetails?.replaceAll(/\s+/g, ' ')).toContain(
        '| a | parked | refused | an operator (retry, force, accept, skip or abort)',
      );
      await execution.executeUpdate(messages.abortUpdate, { args: [said] });
    });
  },
);
