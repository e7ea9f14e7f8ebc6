import { Context } from '@temporalio/activity';
import { compilePlan } from '../domain/compile.ts';
import type { ObservedTopology, Plan } from '../domain/plan.ts';
import type { RunRequest } from '../domain/run.ts';
import type { Policy } from '../domain/schema/inventory.ts';
import { namedFailure } from './named-failure.ts';
import { readInventory, readRunbook, type SourceFiles } from './read-sources.ts';
import { heartbeating } from './step-activity.ts';

/** A plan, what its approver should know besides, and who may approve it. */
export interface CompiledPlan {
  readonly plan: Plan;
  /** Sentences about what could not be observed, or what the plan leaves out. */
  readonly notes: readonly string[];
  readonly policy: Policy;
}

export type CompilePlan = (input: {
  readonly request: RunRequest;
  readonly observed: ObservedTopology;
}) => Promise<CompiledPlan>;

/** Compiles outside the workflow: the history then holds exactly what was executed, whatever the files say later. */
export const compilePlanFrom =
  (files: SourceFiles): CompilePlan =>
  (input) =>
    heartbeating(Context.current(), () => compileWith(files, input));

async function compileWith(
  files: SourceFiles,
  { request, observed }: Parameters<CompilePlan>[0],
): Promise<CompiledPlan> {
  const inventory = await readInventory(files);
  const runbook = await readRunbook(files, request.runbook);
  const compiled = compilePlan({ runbook, inventory, request, observed });
  if (compiled.ok) return { plan: compiled.plan, notes: compiled.notes, policy: inventory.value.policy };
  throw namedFailure('PlanRefused', compiled.problems.map((problem) => problem.message).join('\n'));
}
