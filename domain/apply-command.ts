import type { RunCommandName, RunCommands } from './run-commands.ts';
import type { OperatorDecision } from './run.ts';
import {
  progressOf,
  skippedOutcome,
  stepEnded,
  withoutWaiting,
  withProgress,
  type RunState,
} from './run-state.ts';

type Changes = {
  readonly [Name in RunCommandName]: (state: RunState, command: RunCommands[Name], now: number) => RunState;
};

/** The state after a command that commandRefusal has let through; also keeps who decided what, and why. */
export function applyCommand<Name extends RunCommandName>(
  state: RunState,
  name: Name,
  command: RunCommands[Name],
  now: number,
): RunState {
  const change = changes[name] as (state: RunState, command: RunCommands[Name], now: number) => RunState;
  const changed = change(state, command, now);
  return { ...changed, decisions: [...changed.decisions, decisionOf(name, command, now)] };
}

const changes: Changes = {
  // The waiting approve or hold step itself ends when it sees the decision.
  approve: (state) => state,
  decline: (state) => state,
  commit: (state) => state,
  retry: (state, { step }) => again(state, step),
  force: (state, { step }) => withProgress(again(state, step), step, { style: 'forced' }),
  accept: (state, { step, override, value, reason }) =>
    withProgress(again(state, step), step, {
      overrides: { ...progressOf(state, step).overrides, [override]: value ?? reason },
    }),
  skip: (state, command, now) => skip(state, command, now),
  abort: (state, { by, reason }) => ({ ...state, aborting: { by, reason } }),
  rollBack: (state, { by, reason }) => ({ ...state, aborting: { by, reason } }),
  setStyle: (state, { style, step }) =>
    step === undefined ? { ...state, style } : withProgress(state, step, { style }),
};

/** A parked step waits for its turn again; one whose undo is parked is to be undone again. */
function again(state: RunState, id: string): RunState {
  const { undoing, ...progress } = progressOf(withoutWaiting(state, id), id);
  return {
    ...state,
    steps: { ...state.steps, [id]: undoing === undefined ? { ...progress, state: 'waiting' } : progress },
  };
}

function skip(state: RunState, { step: id, by, reason }: RunCommands['skip'], now: number): RunState {
  const progress = progressOf(state, id);
  const skipped = skippedOutcome(by, reason, progress.undo ?? progress.outcome);
  if (progress.undoing !== undefined) {
    return withProgress(withoutWaiting(state, id), id, {
      undoing: 'ended',
      undo: skipped,
      state: 'finished',
    });
  }
  if (progress.outcome?.status === 'unknown') {
    return withProgress(again(state, id), id, { skipAfterLook: `${by}: ${reason}` });
  }
  const step = state.plan.steps.find((candidate) => candidate.id === id);
  return step === undefined ? state : stepEnded(state, step, skipped, now);
}

const actions: { readonly [Name in RunCommandName]: OperatorDecision['action'] } = {
  approve: 'approve',
  decline: 'decline',
  retry: 'retry',
  skip: 'skip',
  force: 'force',
  accept: 'accept',
  abort: 'abort',
  setStyle: 'style',
  commit: 'commit',
  rollBack: 'roll back',
};

function decisionOf(
  name: RunCommandName,
  command: RunCommands[RunCommandName],
  now: number,
): OperatorDecision {
  const said = command.reason ?? '';
  const what = 'override' in command ? command.override : 'style' in command ? command.style : undefined;
  const step = 'step' in command ? command.step : undefined;
  return {
    at: now,
    by: command.by ?? 'not said',
    action: actions[name],
    ...(step === undefined ? {} : { step }),
    reason: what === undefined ? said : `${what}: ${said}`,
  };
}
