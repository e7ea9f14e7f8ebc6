import type { Json } from '../json.ts';
import { ancestorsOf, findCycle } from '../graph.ts';
import { claimStepId, stepKinds } from '../step-kinds.ts';
import { placeholdersIn } from './placeholders.ts';
import { oneOf, ProblemList, seenText } from './problem.ts';
import type { Locate, Path, Problem } from './problem.ts';
import type { Runbook, RunbookStep } from './runbook.ts';

/** What a schema cannot say about a runbook: ids, order, parameters and the way back. */
export function checkRunbook(runbook: Runbook, file: string, locate: Locate): readonly Problem[] {
  const problems = new ProblemList(file, locate);
  checkParameters(runbook, problems);
  const unclear = checkIds(runbook, problems);
  // An id that two steps have makes every sentence about the order a guess.
  if (unclear === 'twice') return problems.found;
  const cycle = findCycle(
    runbook.steps.map(({ id, needs, needsWhenGraceful = [] }) => ({
      id,
      // A step that needs itself was told above.
      needs: [...needs, ...needsWhenGraceful].filter((need) => need !== id),
    })),
  );
  if (cycle !== undefined) {
    const first = runbook.steps.findIndex((step) => step.id === cycle[0]);
    problems.add(['steps', first, 'needs'], 'steps without a cycle', [...cycle, cycle[0]].join(' needs '));
  }
  // A need that names nothing, or a cycle, hides which step comes before which: what is told of these places is enough.
  const unsure = new Set([...unclear, ...(cycle ?? [])]);
  checkWayBack(runbook, unsure, problems);
  checkFenceBeforeOpen(runbook, unsure, problems);
  return problems.found;
}

/** Whether a step is known to come after all that it should: neither it nor anything before it has a wrong need. */
function isOrderKnown(runbook: Runbook, id: string, unsure: ReadonlySet<string>): boolean {
  return ![id, ...ancestorsOf(runbook.steps, id)].some((one) => unsure.has(one));
}

function checkParameters(runbook: Runbook, problems: ProblemList): void {
  for (const [name, parameter] of Object.entries(runbook.parameters)) {
    const path: Path = ['parameters', name, 'default'];
    if (parameter.default === undefined) continue;
    const wanted = parameter.type === 'site' ? 'string' : parameter.type;
    if (typeof parameter.default !== wanted)
      problems.add(path, `a default of type ${parameter.type}`, seenText(parameter.default));
    if (parameter.required)
      problems.add(path, 'no default on a required parameter', seenText(parameter.default), 'key');
  }
  const known = Object.keys(runbook.parameters);
  for (const [index, step] of runbook.steps.entries())
    for (const { path, name } of namesWithPlaces({ with: step.with, title: step.title ?? '' }))
      if (!known.includes(name))
        problems.add(
          ['steps', index, ...path],
          known.length === 0
            ? 'a declared parameter (there are none)'
            : `a declared parameter: ${oneOf(known)}`,
          `\${${name}}`,
        );
}

function namesWithPlaces(value: Json, path: Path = []): readonly { path: Path; name: string }[] {
  if (typeof value === 'string') return placeholdersIn(value).map((name) => ({ path, name }));
  if (value === null || typeof value !== 'object') return [];
  const members = Array.isArray(value) ? value.entries() : Object.entries(value);
  return [...members].flatMap(([key, member]) => namesWithPlaces(member as Json, [...path, key]));
}

/** @returns steps with a need that is none, or that an id is there twice */
function checkIds(runbook: Runbook, problems: ProblemList): 'twice' | readonly string[] {
  const unsure: string[] = [];
  const ids = runbook.steps.map((step) => step.id);
  for (const [index, step] of runbook.steps.entries()) {
    if (step.id === claimStepId)
      problems.add(
        ['steps', index, 'id'],
        'another id: "claim" is the step that the compiler puts first',
        '"claim"',
      );
    if (ids.indexOf(step.id) < index)
      problems.add(['steps', index, 'id'], 'an id of its own', `${seenText(step.id)} again`);
    for (const key of ['needs', 'needsWhenGraceful'] as const)
      for (const [position, need] of (step[key] ?? []).entries()) {
        const place: Path = ['steps', index, key, position];
        if (need === step.id || !ids.includes(need)) unsure.push(step.id);
        if (need === step.id) problems.add(place, 'another step', 'the step itself');
        else if (!ids.includes(need))
          problems.add(place, `a step: ${oneOf([...new Set(ids)])}`, seenText(need));
      }
  }
  return new Set(ids).size < ids.length ? 'twice' : unsure;
}

const afterAbort = (step: RunbookStep): unknown =>
  step.with !== null && typeof step.with === 'object' && !Array.isArray(step.with)
    ? Reflect.get(step.with, 'afterAbort')
    : undefined;

/** A hook whose author did not say what an abort does to it: nobody knows the way back. */
const hasUnknownWayBack = (step: RunbookStep): boolean =>
  step.uses === 'callHook' && afterAbort(step) === undefined;
const isPointOfNoReturn = (step: RunbookStep): boolean =>
  step.uses !== 'callHook' && stepKinds[step.uses].reversibility === 'point-of-no-return';

/**
 * Up to the first point of no return an abort must be able to leave things as they were: each step that may run
 * before it is reversible, or leaves something that harms nothing. After it the only way is forward.
 */
function checkWayBack(runbook: Runbook, unsure: ReadonlySet<string>, problems: ProblemList): void {
  const points = runbook.steps.filter(isPointOfNoReturn).map((step) => step.id);
  for (const [index, step] of runbook.steps.entries()) {
    if (!isOrderKnown(runbook, step.id, unsure)) continue;
    const before = ancestorsOf(runbook.steps, step.id);
    // A step of one style only commits nobody in the other.
    const isCommitted = runbook.steps.some(
      (other) => before.has(other.id) && isPointOfNoReturn(other) && other.only === undefined,
    );
    if (hasUnknownWayBack(step) && points.length > 0 && !isCommitted)
      problems.add(
        ['steps', index, 'with'],
        `afterAbort: undo or leave, because this step may run before the point of no return ${oneOf(points)}`,
        'a hook without a way back',
        'key',
      );
    if (step.uses === 'hold' && rollsBack(step) && isCommitted)
      problems.add(
        ['steps', index, 'with', 'then'],
        `"commit", because the hold comes after the point of no return ${oneOf(points.filter((point) => before.has(point)))}`,
        '"roll back"',
      );
  }
}

const rollsBack = (step: RunbookStep): boolean =>
  step.with !== null && typeof step.with === 'object' && Reflect.get(step.with, 'then') === 'roll back';

/** Buckets that are opened at a new unit without having been fenced would be accepted by two units. */
function checkFenceBeforeOpen(runbook: Runbook, unsure: ReadonlySet<string>, problems: ProblemList): void {
  for (const [index, step] of runbook.steps.entries()) {
    if (step.uses !== 'openUnits' || !isOrderKnown(runbook, step.id, unsure)) continue;
    const before = ancestorsOf(runbook.steps, step.id);
    const fences = runbook.steps.filter(
      (other) =>
        other.uses === 'fenceUnits' &&
        (other.only === undefined || other.only === step.only) &&
        before.has(other.id),
    );
    if (!fences.some((fence) => JSON.stringify(fence.with) === JSON.stringify(step.with)))
      problems.add(
        ['steps', index, 'needs'],
        'a fenceUnits step with the same `units` and `to` among the steps before it',
        fences.length === 0 ? 'none' : `${oneOf(fences.map((fence) => fence.id))} with other units`,
      );
  }
}
