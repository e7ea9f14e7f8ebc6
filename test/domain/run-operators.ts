import * as fc from 'fast-check';
import { applyCommand } from '../../domain/apply-command.ts';
import { isSettled, nextUndo, readySteps, undoEnded, undoStarted } from '../../domain/interpreter.ts';
import { commandRefusal } from '../../domain/judge-command.ts';
import type { Plan } from '../../domain/plan.ts';
import type { RunCommandName, RunCommands } from '../../domain/run-commands.ts';
import { initialState, progressOf, stepEnded, stepStarted, type RunState } from '../../domain/run-state.ts';
import type { OutcomeStatus } from '../../domain/step.ts';
import { testOutcome, testPlan } from '../workflow/test-plan.ts';

/** Plans over a few steps; a step may need any earlier one, so that there is no cycle. */
export const anyPlan: fc.Arbitrary<Plan> = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(10), { maxLength: 3 }),
      reversibility: fc.oneof(
        { weight: 5, arbitrary: fc.constant('reversible' as const) },
        { weight: 1, arbitrary: fc.constant('forward-only' as const) },
        { weight: 1, arbitrary: fc.constant('point-of-no-return' as const) },
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((steps) =>
    testPlan(
      steps.map(({ needs, reversibility }, index) => ({
        id: `s${index}`,
        needs: [...new Set(needs.filter((need) => need < index).map((need) => `s${need}`))],
        reversibility,
      })),
    ),
  );

/** What happens next in a simulated run: numbers that are turned into whatever is possible at that moment. */
export const anyEvents = fc.array(fc.tuple(fc.nat(), fc.nat()), {
  minLength: 30,
  maxLength: 120,
  size: 'max',
});

export interface Observer {
  started?(state: RunState, id: string): void;
  undone?(state: RunState, id: string): void;
  accepted?(state: RunState, name: RunCommandName): void;
}

const statuses: readonly OutcomeStatus[] = [
  'done',
  'done',
  'done',
  'already',
  'refused',
  'failed',
  'unknown',
  'waiting',
];

/** Runs a plan without Temporal: steps start when they are ready, end as `events` say, and an operator interferes. */
export function simulate(
  plan: Plan,
  events: readonly (readonly [number, number])[],
  observer: Observer = {},
): RunState {
  let state = initialState(plan, 'ann', []);
  for (const [what, which] of events) {
    state = startAll(state, observer);
    if (isSettled(state)) break;
    state = what % 4 === 0 ? operate(state, what, which, observer) : endOne(state, what, which, observer);
  }
  return state;
}

/** From here on nothing goes wrong any more and the operator retries whatever is parked. */
export function finish(state: RunState, observer: Observer = {}): RunState {
  let now = state;
  for (let round = 0; round < 200 && !isSettled(now); round += 1) {
    now = startAll(now, observer);
    for (const step of now.plan.steps) {
      const progress = progressOf(now, step.id);
      if (progress.state === 'running') now = stepEnded(now, step, testOutcome('done'), round);
      if (progress.undoing === 'running') now = undoEnded(now, step.id, testOutcome('done'));
      const retry = { step: step.id };
      if (commandRefusal(now, 'retry', retry) === undefined) now = applyCommand(now, 'retry', retry, round);
    }
  }
  return now;
}

function startAll(state: RunState, observer: Observer): RunState {
  let now = state;
  for (const step of readySteps(now)) {
    observer.started?.(now, step.id);
    now = stepStarted(now, step.id, 0);
  }
  const undo = nextUndo(now);
  if (undo === undefined) return now;
  observer.undone?.(now, undo.id);
  return undoStarted(now, undo.id);
}

function endOne(state: RunState, what: number, which: number, _observer: Observer): RunState {
  const status = statuses[what % statuses.length] ?? 'done';
  const busy = state.plan.steps.filter((step) => {
    const progress = progressOf(state, step.id);
    return progress.state === 'running' || progress.undoing === 'running';
  });
  const step = busy[which % Math.max(busy.length, 1)];
  if (step === undefined) return state;
  return progressOf(state, step.id).undoing === 'running'
    ? undoEnded(state, step.id, testOutcome(status))
    : stepEnded(state, step, testOutcome(status, status, { snapshot: step.id }), what);
}

const operatorCommands: readonly RunCommandName[] = ['retry', 'skip', 'force', 'accept', 'abort', 'setStyle'];

function operate(state: RunState, what: number, which: number, observer: Observer): RunState {
  const name = operatorCommands[(what >> 2) % operatorCommands.length] ?? 'retry';
  const step = state.plan.steps[which % state.plan.steps.length]?.id ?? '';
  const style = which % 2 === 0 ? 'graceful' : 'forced';
  const isOfOneStep = name !== 'setStyle' || (what >> 5) % 2 === 0;
  const command = {
    ...(isOfOneStep ? { step } : {}),
    by: 'bob',
    reason: 'because',
    override: 'acceptLoss',
    style,
  } as unknown as RunCommands[typeof name];
  if (commandRefusal(state, name, command) !== undefined) return state;
  observer.accepted?.(state, name);
  return applyCommand(state, name, command, what);
}
