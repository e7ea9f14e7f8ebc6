import { findCycle } from './graph.ts';
import type { Plan, PlanStep } from './plan.ts';
import { planDigest } from './plan-digest.ts';
import { oneOf, seenText } from './schema/problem.ts';
import { planWorkflowId, recordingWorkflowId } from './search-attributes.ts';
import { movesNothing } from './step-kinds.ts';
import { reversibilities, styles } from './step.ts';

/** What an execution knows besides the plan. */
export interface Expected {
  /** The id that it runs under. */
  readonly workflowId?: string;
  /** The digest that the request asked for, where it named one. */
  readonly planDigest?: string | undefined;
}

/**
 * Everything that speaks against executing a plan, before any of it is: what was approved must be what is executed, under
 * the lock of the domain that it moves. Empty where nothing does.
 */
export function planProblems(plan: unknown, { workflowId, planDigest: wanted }: Expected): readonly string[] {
  const wrong = shapeProblems(plan);
  if (wrong.length > 0) return wrong;
  const { digest, ...content } = plan as Plan;
  const computed = planDigest(content);
  const locks = locksOf(content);
  return [
    ...(computed === digest
      ? []
      : [`digest must be that of the plan's content, ${computed}; seen ${digest}`]),
    ...(wanted === undefined || wanted === digest
      ? []
      : [`digest must be ${wanted}, which was asked for; seen ${digest}`]),
    ...(workflowId === undefined || locks.includes(workflowId)
      ? []
      : [`the plan must run in workflow ${locks.join(' or ')}, its lock; seen ${workflowId}`]),
  ];
}

const locksOf = ({ steps, domain, runbook }: Omit<Plan, 'digest'>): readonly string[] => [
  planWorkflowId(domain),
  ...(movesNothing(steps.map(({ kind }) => kind)) ? [recordingWorkflowId(runbook, domain)] : []),
];

type Members = { readonly [name: string]: unknown };
type Check = readonly [what: string, test: (value: unknown) => boolean];

const isRecord = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const text: Check = ['a text that is not empty', isText];
const among = (...choices: readonly unknown[]): Check => [oneOf(choices), (value) => choices.includes(value)];
const optional = ([what, test]: Check): Check => [what, (value) => value === undefined || test(value)];

const planChecks: { readonly [Name in keyof Required<Plan>]: Check } = {
  version: among(1),
  runbook: text,
  domain: text,
  from: optional(text),
  to: optional(text),
  mode: among('precheck', 'real'),
  style: among(...styles),
  drill: among(true, false),
  steps: ['a list of at least one step', (value) => Array.isArray(value) && value.length > 0],
  leftOut: optional(['a list', Array.isArray]),
  sources: ['an object', isRecord],
  digest: ['64 lower-case hex digits', (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)],
};

const stepChecks: { readonly [Name in keyof Required<PlanStep>]: Check } = {
  id: text,
  kind: text,
  title: text,
  needs: ['a list of step ids', (value) => Array.isArray(value) && value.every(isText)],
  reversibility: among(...reversibilities),
  parameters: ['something', (value) => value !== undefined],
  style: optional(among(...styles)),
};

function shapeProblems(plan: unknown): readonly string[] {
  if (!isRecord(plan)) return [`the plan must be an object; seen ${seenText(plan)}`];
  const wrong = memberProblems('', plan, planChecks);
  const steps: readonly unknown[] = Array.isArray(plan['steps']) ? plan['steps'] : [];
  const wrongSteps = steps.flatMap((step, index) =>
    isRecord(step)
      ? memberProblems(`steps[${index}].`, step, stepChecks)
      : [`steps[${index}] must be an object; seen ${seenText(step)}`],
  );
  const found = [...wrong, ...wrongSteps];
  return found.length > 0 ? found : graphProblems(steps as readonly PlanStep[]);
}

const memberProblems = (where: string, value: Members, checks: { readonly [name: string]: Check }) =>
  Object.entries(checks).flatMap(([name, [what, test]]) =>
    test(value[name]) ? [] : [`${where}${name} must be ${what}; seen ${seenText(value[name])}`],
  );

/** A step that needs what never ends would wait for ever, and two of one id would share one state. */
function graphProblems(steps: readonly PlanStep[]): readonly string[] {
  const ids = steps.map(({ id }) => id);
  const twice = new Set(ids.filter((id, index) => ids.indexOf(id) !== index));
  const known = new Set(ids);
  const cycle = findCycle(steps);
  return [
    ...[...twice].map((id) => `steps must have an id each; seen ${seenText(id)} more than once`),
    ...steps.flatMap(({ id, needs }) =>
      needs
        .filter((need) => !known.has(need))
        .map((need) => `${id} must need steps of the plan; seen ${seenText(need)}`),
    ),
    ...(cycle === undefined
      ? []
      : [`steps must not wait for each other in a circle; seen ${cycle.join(' → ')}`]),
  ];
}
