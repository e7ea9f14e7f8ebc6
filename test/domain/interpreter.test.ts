import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ancestorsOf } from '../../domain/graph.ts';
import { isSettled, phaseOf, readySteps, recordOf, runOutcomeOf } from '../../domain/interpreter.ts';
import { abortRefusal } from '../../domain/judge-command.ts';
import { initialState, progressOf, stepEnded, stepStarted, type RunState } from '../../domain/run-state.ts';
import { testOutcome, testPlan } from '../workflow/test-plan.ts';
import { anyEvents, anyPlan, finish, simulate } from './run-operators.ts';

const anyRun = fc.tuple(anyPlan, anyEvents);
const stateOf = (state: RunState, id: string) => progressOf(state, id).state;

describe('whatever happens and whatever the operator does', () => {
  test('no step starts before everything it needs is finished, and none starts twice at once', () => {
    fc.assert(
      fc.property(anyRun, ([plan, events]) => {
        simulate(plan, events, {
          started: (state, id) => {
            const step = plan.steps.find((candidate) => candidate.id === id);
            expect(step?.needs.map((need) => stateOf(state, need)) ?? []).toEqual(
              step?.needs.map(() => 'finished'),
            );
            expect(stateOf(state, id)).toBe('waiting');
            expect(state.aborting).toBeUndefined();
          },
        });
      }),
    );
  });

  test('the run can always be brought to its end by retrying what is parked', () => {
    fc.assert(
      fc.property(anyRun, ([plan, events]) => {
        const state = finish(simulate(plan, events));
        expect(isSettled(state)).toBe(true);
        expect(phaseOf(state)).toBe('closed');
        expect(['completed', 'completed with skips', 'aborted']).toContain(runOutcomeOf(state));
      }),
    );
  });

  test('an abort is accepted only while no point of no return was or may have been passed', () => {
    let aborts = 0;
    fc.assert(
      fc.property(anyRun, ([plan, events]) => {
        simulate(plan, events, {
          accepted: (state, name) => {
            if (name !== 'abort') return;
            aborts += 1;
            for (const step of plan.steps) {
              if (step.reversibility !== 'point-of-no-return') continue;
              const { outcome, state: stepState } = progressOf(state, step.id);
              expect(stepState).not.toBe('running');
              expect(['done', 'already', 'failed', 'unknown']).not.toContain(outcome?.status);
            }
          },
        });
      }),
      { numRuns: 500 },
    );
    expect(aborts).toBeGreaterThan(20);
  });

  test('undoing goes backwards: a step is undone only after every undone step that needs it', () => {
    let undos = 0;
    fc.assert(
      fc.property(anyRun, ([plan, events]) => {
        const order: string[] = [];
        const undone = (_state: RunState, id: string) => {
          if (order.at(-1) !== id) order.push(id);
        };
        const state = finish(simulate(plan, events, { undone }), { undone });
        undos += order.length;
        for (const [index, id] of order.entries()) {
          const ancestors = ancestorsOf(plan.steps, id);
          expect(order.slice(0, index).filter((earlier) => ancestors.has(earlier))).toEqual([]);
        }
        for (const step of plan.steps) {
          const isUndone = order.includes(step.id);
          const { isTouched } = progressOf(state, step.id);
          const isDue = state.aborting !== undefined && step.reversibility === 'reversible' && isTouched;
          expect(isUndone).toBe(isDue);
        }
      }),
      { numRuns: 500 },
    );
    expect(undos).toBeGreaterThan(20);
  });

  test('an open run says what it waits for: some step runs, is undone, or is parked with a reason', () => {
    fc.assert(
      fc.property(anyRun, ([plan, events]) => {
        const state = simulate(plan, events);
        if (isSettled(state) || readySteps(state).length > 0) return;
        const record = recordOf(state, { operation: 'op', request: { runbook: 'r' }, startedAt: 0 });
        const isMoving = plan.steps.some(
          ({ id }) => stateOf(state, id) === 'running' || progressOf(state, id).undoing === 'running',
        );
        const asks = record.steps.filter((step) => step.waitingFor !== undefined);
        expect(isMoving || asks.length > 0 || state.aborting !== undefined).toBe(true);
        expect(asks.every((step) => step.waitingFor?.startsWith('an operator ('))).toBe(true);
      }),
    );
  });
});

test('an unclear point of no return never becomes clear again by a refusal', () => {
  const plan = testPlan([{ id: 'p', reversibility: 'point-of-no-return' }]);
  const [step] = plan.steps;
  if (step === undefined) throw new Error('no step');
  const after = (statuses: readonly ('failed' | 'unknown' | 'refused' | 'waiting' | 'done')[]) =>
    statuses.reduce(
      (state, status) => stepEnded(stepStarted(state, 'p', 0), step, testOutcome(status), 0),
      initialState(plan, 'ann', []),
    );
  const other = testPlan([
    { id: 'p', reversibility: 'point-of-no-return' },
    { id: 'q', needs: ['p'] },
  ]);
  const open = (state: RunState): RunState => ({ ...state, plan: other });
  expect(abortRefusal(open(after(['refused', 'waiting'])))).toBeUndefined();
  for (const statuses of [['failed'], ['unknown'], ['failed', 'refused'], ['unknown', 'waiting']] as const) {
    expect(abortRefusal(open(after(statuses)))).toMatch(/^p may have passed its point of no return \(/);
  }
  expect(abortRefusal(open(after(['failed', 'done'])))).toMatch(/^p has passed its point of no return/);
});

test('the claim comes before everything but what it needs', () => {
  const plan = testPlan([
    { id: 'ask', kind: 'approve' },
    { id: 'a' },
    { id: 'claim', kind: 'claimEpoch', needs: ['ask'] },
    { id: 'b', needs: ['claim'] },
  ]);
  let state = initialState(plan, 'ann', []);
  const ready = () => readySteps(state).map((step) => step.id);
  const end = (id: string, after: { readonly epoch?: number } = {}) => {
    const step = plan.steps.find((candidate) => candidate.id === id);
    if (step !== undefined)
      state = stepEnded(stepStarted(state, id, 0), step, testOutcome('done', 'done', { after }), 0);
  };
  expect(ready()).toEqual(['ask']);
  end('ask');
  expect(ready()).toEqual(['claim']);
  end('claim', { epoch: 7 });
  expect([state.epoch, ready()]).toEqual([7, ['a', 'b']]);
});
