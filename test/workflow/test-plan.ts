import type { CompiledPlan } from '../../activities/compile-plan.ts';
import { planDigest } from '../../domain/plan-digest.ts';
import type { Plan, PlanStep } from '../../domain/plan.ts';
import type { StepOutcome } from '../../domain/step.ts';

type StepParts = Partial<PlanStep> & Pick<PlanStep, 'id'>;

export const testStep = (parts: StepParts): PlanStep => ({
  kind: 'fakeStep',
  title: `Do ${parts.id}`,
  needs: [],
  reversibility: 'reversible',
  parameters: {},
  ...parts,
});

/** A plan that no compiler made, with the digest of what is in it. */
export function testPlan(steps: readonly StepParts[], parts: Partial<Omit<Plan, 'digest'>> = {}): Plan {
  const plan = {
    version: 1,
    runbook: 'site-failover',
    domain: 'shop',
    from: 'east',
    to: 'west',
    mode: 'real',
    style: 'graceful',
    drill: false,
    steps: steps.map((step) => testStep(step)),
    sources: { inventory: 'a'.repeat(64), runbook: 'b'.repeat(64) },
    ...parts,
  } as const;
  return { ...plan, digest: planDigest(plan) };
}

export const compiled = (plan: Plan, policy: Partial<CompiledPlan['policy']> = {}): CompiledPlan => ({
  plan,
  notes: [],
  policy: {
    approval: 'never',
    approvers: [],
    approvalTimeoutMs: 60_000,
    acceptableLossTransactions: 0,
    ...policy,
  },
});

export const testOutcome = (
  status: StepOutcome['status'],
  summary: string = status,
  rest: Partial<StepOutcome> = {},
): StepOutcome => ({
  status,
  summary,
  details: [],
  before: null,
  after: null,
  evidence: [],
  durationsMs: {},
  ...rest,
});
