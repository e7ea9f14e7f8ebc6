import { expanders, gatewayParameters } from './expand-steps.ts';
import type { ExpandContext, Expanded } from './expand-context.ts';
import { ancestorsOf } from './graph.ts';
import { describeLeftOut, leftOutOf, notesOf } from './left-out.ts';
import type { ExpandedStep } from './left-out.ts';
import type { Json } from './json.ts';
import type { ObservedTopology, Plan, PlanStep } from './plan.ts';
import { planDigest } from './plan-digest.ts';
import type { RunRequest } from './run.ts';
import { resolveParameters } from './runbook-parameters.ts';
import type { ParameterValues } from './runbook-parameters.ts';
import { emptyRouting } from './schema/inventory.ts';
import type { Inventory } from './schema/inventory.ts';
import type { Loaded } from './schema/load.ts';
import { substitute, substituteText } from './schema/placeholders.ts';
import { inFileOrder, ProblemList } from './schema/problem.ts';
import type { Problem } from './schema/problem.ts';
import type { Runbook, RunbookStep } from './schema/runbook.ts';
import { stepWith } from './schema/step-with.ts';
import { problemsOf } from './schema/zod-problems.ts';
import { claimStepId, movesNothing, stepKinds } from './step-kinds.ts';
import type { Style } from './step.ts';
import type { ClaimEpochParameters } from './step-parameters.ts';

export interface CompileInput {
  readonly runbook: Loaded<Runbook>;
  readonly inventory: Loaded<Inventory>;
  readonly request: RunRequest;
  readonly observed: ObservedTopology;
}

export type CompileResult =
  | { readonly ok: true; readonly plan: Plan; readonly notes: readonly string[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A runbook and what was observed make a plan. Pure: equal input, equal plan, equal digest. */
export function compilePlan({ runbook, inventory, request, observed }: CompileInput): CompileResult {
  const { values, problems } = resolveParameters(runbook, request, Object.keys(inventory.value.sites));
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems) };
  const found = new ProblemList(runbook.file, runbook.locate);
  const { mode = 'precheck', style = 'graceful', drill = false } = request;
  const world = { inventory: inventory.value, observed };
  const expanded = runbook.value.steps.map((written, index) => {
    const step = inStyle(written, style);
    if (step.only !== undefined && step.only !== style)
      return { step, targets: [], notes: [`only runs that start ${step.only} do it`] };
    return { step, ...expandStep(step, index, values, world, runbook, found) };
  });
  const leftOut = leftOutOf(expanded);
  if (found.found.length === 0 && leftOut.length === expanded.length)
    found.add(['steps'], 'a step that stands for something here', describeLeftOut(leftOut));
  if (found.found.length > 0) return { ok: false, problems: inFileOrder(found.found) };
  const plan = {
    version: 1,
    runbook: runbook.value.name,
    domain: inventory.value.domain,
    ...siteValue('from', values),
    ...siteValue('to', values),
    mode,
    style,
    drill,
    steps: planSteps(expanded, inventory.value, values, observed.floorEpoch),
    ...(leftOut.length === 0 ? {} : { leftOut }),
    sources: { inventory: inventory.digest, runbook: runbook.digest },
  } as const;
  const notes = notesOf(expanded, world);
  return { ok: true, plan: { ...plan, digest: planDigest(plan) }, notes };
}

/** The step as the run's style has it: a planned move waits for more. */
function inStyle(step: RunbookStep, style: Style): RunbookStep {
  const { needsWhenGraceful: more = [] } = step;
  return style === 'graceful' && more.length > 0
    ? { ...step, needs: [...new Set([...step.needs, ...more])] }
    : step;
}

function siteValue(key: 'from' | 'to', values: ParameterValues): { from?: string; to?: string } {
  const value = values[key];
  return typeof value === 'string' ? { [key]: value } : {};
}

function expandStep(
  step: RunbookStep,
  index: number,
  values: ParameterValues,
  world: Pick<ExpandContext, 'inventory' | 'observed'>,
  runbook: Loaded<Runbook>,
  found: ProblemList,
): Omit<ExpandedStep, 'step'> {
  const notes: string[] = [];
  const written = substitute(step.with, (name) => values[name]) ?? {};
  const under = ['steps', index, 'with'] as const;
  const context: ExpandContext = {
    ...world,
    refuse: (path, expected, seen) => found.add([...under, ...path], expected, seen),
    note: (sentence) => notes.push(sentence),
  };
  const parsed = stepWith[step.uses].safeParse(written);
  if (parsed.success) return { targets: expand(step.uses, parsed.data, context), notes };
  found.found.push(...problemsOf(parsed.error.issues, written, runbook.file, runbook.locate, under));
  return { targets: [], notes };
}

/** `data` was validated by the schema of the same kind one line above: the pairing that types cannot see. */
const expand = (kind: keyof typeof expanders, data: unknown, context: ExpandContext): readonly Expanded[] =>
  (expanders[kind] as (what: unknown, context: ExpandContext) => readonly Expanded[])(data, context);

function planSteps(
  expanded: readonly ExpandedStep[],
  inventory: Inventory,
  values: ParameterValues,
  floorEpoch: number | undefined,
): readonly PlanStep[] {
  const isClaiming = !movesNothing(
    expanded.flatMap(({ step, targets }) => (targets.length === 0 ? [] : [step.uses])),
  );
  const before = stepsBeforeClaim(expanded.map(({ step }) => step));
  const steps = expanded.flatMap(({ step, targets }) =>
    targets.map((target): PlanStep => {
      const needs = needsOf(step, expanded, target.database);
      const isBefore = before.has(step.id);
      const isFirst = needs.every((need) => before.has(need));
      return {
        id: planStepId(step, target),
        kind: step.uses,
        title: titleOf(step, target, values),
        needs: isClaiming && isFirst && !isBefore ? [claimStepId, ...needs] : needs,
        reversibility: target.reversibility,
        parameters: target.parameters,
        ...(step.style === undefined ? {} : { style: step.style }),
      };
    }),
  );
  const questions = steps.filter(({ id }) => before.has(id));
  const acting = steps.filter(({ id }) => !before.has(id));
  if (acting.length === 0 || !isClaiming) return steps;
  const claim = claimStep(
    expanded,
    inventory,
    questions.map(({ id }) => id),
    floorEpoch,
  );
  return [...questions, claim, ...acting];
}

/**
 * Questions and holds that nothing else comes before. The claim waits for them: from the claim on, a gateway that
 * misses the rules lets the leases of the moved units run out, which must not happen while a person thinks.
 */
function stepsBeforeClaim(steps: readonly RunbookStep[]): ReadonlySet<string> {
  const isQuestion = (id: string): boolean =>
    steps.some((step) => step.id === id && (step.uses === 'approve' || step.uses === 'hold'));
  const before = steps.filter((step) => [step.id, ...ancestorsOf(steps, step.id)].every(isQuestion));
  return new Set(before.map((step) => step.id));
}

const planStepId = (step: RunbookStep, { target }: Expanded): string =>
  target === undefined ? step.id : `${step.id}/${target}`;

/**
 * Plan steps that a step waits for. A step about one database waits only for that database's steps: a push need not
 * wait for another database's promotion. A needed step without targets hands on its own needs.
 */
function needsOf(
  step: RunbookStep,
  expanded: readonly ExpandedStep[],
  database: string | undefined,
): readonly string[] {
  const needs = step.needs.flatMap((id) => {
    const needed = expanded.find((other) => other.step.id === id);
    if (needed === undefined) return [];
    const isPerDatabase =
      database !== undefined && needed.targets.some((target) => target.database !== undefined);
    const targets = isPerDatabase
      ? needed.targets.filter((target) => target.database === database)
      : needed.targets;
    return targets.length > 0
      ? targets.map((target) => planStepId(needed.step, target))
      : needsOf(needed.step, expanded, database);
  });
  return [...new Set(needs)];
}

function titleOf(step: RunbookStep, target: Expanded, values: ParameterValues): string {
  if (step.title === undefined) return shorten(target.title);
  const written = substituteText(step.title, (name) => values[name]);
  return shorten(target.target === undefined ? written : `${written} (${target.target})`);
}

const shorten = (text: string): string => (text.length <= 120 ? text : `${text.slice(0, 119)}…`);

function claimStep(
  expanded: readonly ExpandedStep[],
  inventory: Inventory,
  needs: readonly string[],
  floorEpoch: number | undefined,
): PlanStep {
  const leaving = expanded.flatMap(({ targets }) => targets.flatMap((target) => target.leaving ?? []));
  const parameters: ClaimEpochParameters = {
    ...gatewayParameters(inventory, inventory.routing ?? emptyRouting),
    databases: inventory.databases,
    units: [...new Set(leaving)].sort(),
    ...(floorEpoch === undefined ? {} : { floorEpoch }),
  };
  return {
    id: claimStepId,
    kind: 'claimEpoch',
    title: `Claim the next epoch of ${inventory.domain}`,
    needs,
    reversibility: stepKinds.claimEpoch.reversibility,
    parameters: parameters as unknown as Json,
  };
}
