import type { StepActivity } from '../../activities/step-activity.ts';
import { compilePlan } from '../../domain/compile.ts';
import type { Plan } from '../../domain/plan.ts';
import { loadInventory, loadRunbook } from '../../domain/schema/load.ts';
import type { StepOutcome } from '../../domain/step.ts';
import { atHome } from '../schema/observations.ts';
import { validInventory, validRunbook } from '../schema/valid-texts.ts';
import { scriptedSteps } from './scripted-steps.ts';
import { testOutcome } from './test-plan.ts';

/** The plan that the real compiler makes of the example texts; only the targets are scripted. */
export function operatedPlan(mode: 'precheck' | 'real', runbookText = validRunbook): Plan {
  const inventory = loadInventory(validInventory, 'siteshift.yaml');
  const runbook = loadRunbook(runbookText, 'runbooks/move.yaml');
  if (!inventory.ok || !runbook.ok) throw new Error('the example texts are not valid');
  const request = { runbook: 'move', from: 'east', to: 'west', mode };
  const result = compilePlan({ inventory, runbook, request, observed: atHome });
  if (!result.ok) throw new Error(result.problems.map((problem) => problem.message).join('\n'));
  return result.plan;
}

const kinds = [
  'claimEpoch',
  'fenceUnits',
  'promoteDatabase',
  'pushDatasource',
  'openUnits',
  'verifyEndpoint',
  'callHook',
];

/** Every step kind answers from one script. */
export function scriptedKinds(script: { readonly [call: string]: readonly StepOutcome[] } = {}) {
  const { calls, steps } = scriptedSteps({
    claim: [testOutcome('done', 'claimed epoch 12', { after: { epoch: 12 } })],
    ...script,
  });
  const entries = kinds.map((kind): [string, StepActivity] => [kind, steps.fakeStep]);
  return { calls, steps: Object.fromEntries(entries) };
}
