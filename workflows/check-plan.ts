import { patched, workflowInfo } from '@temporalio/workflow';
import { planProblems, type Expected } from '../domain/judge-plan.ts';
import { namedFailure } from './named-failure.ts';

/**
 * Ends a workflow that was handed a plan which nobody can have approved, before anything is touched. Runs that began
 * under an older worker were never checked, and go on as they are.
 */
export function checkPlan(plan: unknown, expected: Expected = {}): void {
  if (!patched('plan-checked')) return;
  const problems = planProblems(plan, expected);
  if (problems.length === 0) return;
  throw namedFailure(
    'PlanRefused',
    `workflow ${workflowInfo().workflowId} cannot execute this plan, and has touched nothing:\n` +
      problems.map((problem) => `- ${problem}`).join('\n'),
  );
}
