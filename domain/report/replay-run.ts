import { applyCommand } from '../apply-command.ts';
import { approveKind, holdKind, readySteps, recordOf, undoEnded, undoStarted } from '../interpreter.ts';
import { abortRefusal, waitingStep } from '../judge-command.ts';
import type { Plan, PlanStep } from '../plan.ts';
import type { RunFacts } from '../interpreter.ts';
import type { RunRecord } from '../run.ts';
import { progressOf, skippedOutcome, stepEnded, stepStarted } from '../run-state.ts';
import type { RunState } from '../run-state.ts';
import type { StepOutcome } from '../step.ts';
import { outcomeOf, stepInputOf } from './calls.ts';
import type { Call } from './calls.ts';
import type { GivenCommand } from './commands.ts';

/** Something that happened to a plan, at the id of its event: the order in which the workflow learned it. */
type Happening = { readonly event: number; readonly at: number } & (
  | { readonly what: 'started'; readonly call: Call }
  | { readonly what: 'ended'; readonly call: Call }
  | { readonly what: 'command'; readonly command: GivenCommand }
  | { readonly what: 'timer'; readonly summary: string }
);

export interface PlanHistory {
  readonly plan: Plan;
  readonly calls: readonly Call[];
  readonly commands: readonly GivenCommand[];
  /** Timers that have fired: an approval or a hold that nobody answered. */
  readonly timers: readonly { readonly event: number; readonly at: number; readonly summary: string }[];
}

/**
 * The record as it was after the last event: the same pure rules that the workflow runs on, fed from its history. Needed
 * where no result tells it: a run that still goes on, or one that was terminated. Times are those of the events.
 */
export function replayRun(start: RunState, facts: RunFacts, history: PlanHistory): RunRecord {
  let state = askQuestions(start, facts.startedAt);
  for (const happening of inOrder(history)) state = askQuestions(follow(state, happening), happening.at);
  return recordOf(state, facts);
}

function inOrder({ calls, commands, timers }: PlanHistory): readonly Happening[] {
  const happenings: Happening[] = [
    ...calls.flatMap((call): Happening[] => [
      { what: 'started', event: call.scheduledEvent, at: call.scheduledAt, call },
      ...(call.endedEvent === undefined || call.endedAt === undefined
        ? []
        : [{ what: 'ended' as const, event: call.endedEvent, at: call.endedAt, call }]),
    ]),
    ...commands.map((command): Happening => ({
      what: 'command',
      event: command.event,
      at: command.at,
      command,
    })),
    ...timers.map((timer): Happening => ({ what: 'timer', ...timer })),
  ];
  return happenings.sort((a, b) => a.event - b.event);
}

function follow(state: RunState, happening: Happening): RunState {
  if (happening.what === 'started') return started(state, happening.call);
  if (happening.what === 'ended') return ended(state, happening.call, happening.at);
  if (happening.what === 'command') return commanded(state, happening.command);
  return ranOut(state, happening.summary, happening.at);
}

const stepById = (state: RunState, id: string | undefined): PlanStep | undefined =>
  state.plan.steps.find((step) => step.id === id);

function started(state: RunState, call: Call): RunState {
  const input = stepInputOf(call);
  if (input === undefined || stepById(state, input.step) === undefined) return state;
  if (input.mode === 'undo') return undoStarted(state, input.step);
  return isLook(state, call) ? state : stepStarted(state, input.step, call.scheduledAt);
}

/** A real run looks without acting only after an attempt whose end nobody knows. */
const isLook = (state: RunState, call: Call): boolean =>
  stepInputOf(call)?.mode === 'precheck' && state.plan.mode === 'real';

function ended(state: RunState, call: Call, at: number): RunState {
  const input = stepInputOf(call);
  const step = stepById(state, input?.step);
  const outcome = outcomeOf(call);
  if (input === undefined || step === undefined || outcome === undefined) return state;
  if (input.mode === 'undo') return undoEnded(state, step.id, outcome);
  if (!isLook(state, call)) return stepEnded(state, step, outcome, at);
  return stepEnded(state, step, afterLook(state, step, outcome), at);
}

/** What was unknown, and what another look at the target has shown. */
function afterLook(state: RunState, step: PlanStep, look: StepOutcome): StepOutcome {
  const { outcome: last, skipAfterLook } = progressOf(state, step.id);
  if (skipAfterLook !== undefined) {
    if (look.status === 'already') return look;
    const [by = '', ...reason] = skipAfterLook.split(': ');
    return skippedOutcome(by, reason.join(': '), last);
  }
  const unknown = last ?? look;
  if (look.status === 'already')
    return { ...look, details: [...look.details, `before that: ${unknown.summary}`] };
  return { ...unknown, details: [...unknown.details, `looked again: ${look.status}: ${look.summary}`] };
}

/** Approvals and holds have no activity: they start when what they need has finished. */
function askQuestions(state: RunState, at: number): RunState {
  const questions = readySteps(state).filter(({ kind }) => kind === approveKind || kind === holdKind);
  const asked = questions.reduce((next, step) => stepStarted(next, step.id, at, step.title), state);
  if (questions.length === 0 || state.plan.mode === 'real') return asked;
  const planned = questions.reduce(
    (next, step) => stepEnded(next, step, answerOutcome('planned', `would ask: ${step.title}`), at),
    asked,
  );
  return askQuestions(planned, at); // a precheck asks nobody, so what comes after may be a question, too
}

const answersTo: { readonly [name: string]: string } = {
  approve: approveKind,
  decline: approveKind,
  commit: holdKind,
};

function commanded(state: RunState, { name, payload, at }: GivenCommand): RunState {
  const decided = applyCommand(state, name, payload, at);
  const kind = answersTo[name];
  if (kind === undefined) return decided;
  const step = waitingStep(decided, kind, 'step' in payload ? payload.step : undefined);
  if (typeof step === 'string') return decided;
  const verbs = { approve: 'approved', decline: 'declined', commit: 'committed' } as const;
  const verb = name === 'decline' ? verbs.decline : name === 'commit' ? verbs.commit : verbs.approve;
  const because = payload.reason === undefined || payload.reason === '' ? '' : `: ${payload.reason}`;
  const status = name === 'decline' ? 'refused' : 'done';
  return stepEnded(
    decided,
    step,
    answerOutcome(status, `${verb} by ${payload.by ?? 'not said'}${because}`),
    at,
  );
}

/** A question's time has run out: silence refuses an approval, and ends a hold as its step says. */
function ranOut(state: RunState, summary: string, at: number): RunState {
  const step = state.plan.steps.find(
    ({ id, kind, title }) =>
      (kind === approveKind || kind === holdKind) &&
      summary.endsWith(title) &&
      progressOf(state, id).state === 'running',
  );
  if (step === undefined) return state;
  if (step.kind === approveKind)
    return stepEnded(
      state,
      step,
      answerOutcome('refused', 'nobody approved in time, which counts as a refusal'),
      at,
    );
  const { then } = step.parameters as { readonly then?: unknown };
  if (then === 'commit')
    return stepEnded(state, step, answerOutcome('done', 'committed: the hold ran out'), at);
  const refusal = abortRefusal(state);
  if (refusal !== undefined)
    return stepEnded(state, step, answerOutcome('refused', `cannot roll back: ${refusal}`), at);
  const by = { by: 'the hold', reason: 'nobody committed in time', step: step.id };
  return stepEnded(
    applyCommand(state, 'rollBack', by, at),
    step,
    answerOutcome('refused', 'rolled back: nobody committed in time'),
    at,
  );
}

const answerOutcome = (status: StepOutcome['status'], summary: string): StepOutcome => ({
  status,
  summary,
  details: [],
  before: null,
  after: null,
  evidence: [],
  durationsMs: {},
});
