import { approvalRefusal, declineRefusal, type ApprovalRule } from './approval.ts';
import type { PlanStep } from './plan.ts';
import type { RunCommandName, RunCommands } from './run-commands.ts';
import type { ApproveParameters } from './step-parameters.ts';
import { approveKind, holdKind, isSettled } from './interpreter.ts';
import { claimKind, progressOf, styleOf, type RunState } from './run-state.ts';

/** Why the run cannot follow a command now, in a sentence that says what is possible; undefined when it can. */
export function commandRefusal<Name extends RunCommandName>(
  state: RunState,
  name: Name,
  command: RunCommands[Name],
): string | undefined {
  if (isSettled(state)) return `${name}: the run is closed; start a new one`;
  if (state.plan.mode === 'precheck') {
    return `${name}: a precheck changes nothing and takes no commands; cancel the workflow to stop it`;
  }
  const refuse = refusals[name] as (state: RunState, command: RunCommands[Name]) => string | undefined;
  const refusal = refuse(state, command);
  return refusal === undefined ? undefined : `${name}: ${refusal}`;
}

const refusals: {
  readonly [Name in RunCommandName]: (state: RunState, command: RunCommands[Name]) => string | undefined;
} = {
  approve: (state, command) =>
    onStepOfKind(state, approveKind, command.step, (step) => approvalRefusal(ruleOf(state, step), command)),
  decline: (state, command) =>
    onStepOfKind(state, approveKind, command.step, (step) => declineRefusal(ruleOf(state, step), command)),
  retry: (state, command) => parkedRefusal(state, command.step, 'retried'),
  skip: (state, command) =>
    parkedRefusal(state, command.step, 'skipped') ??
    (stepById(state, command.step)?.kind === claimKind &&
    progressOf(state, command.step).undoing === undefined
      ? `${command.step} claims the epoch under which everything else is written; it cannot be skipped`
      : undefined),
  force: (state, command) =>
    againRefusal(state, command.step, 'forced') ?? forcedAlready(state, command.step),
  accept: (state, command) => againRefusal(state, command.step, 'overridden'),
  abort: (state) => abortRefusal(state),
  setStyle: (state, command) =>
    state.aborting === undefined
      ? styleRefusal(state, command)
      : 'the run is being aborted; nothing more is started',
  commit: (state, command) => onStepOfKind(state, holdKind, command.step, () => undefined),
  rollBack: (state, command) => onStepOfKind(state, holdKind, command.step, () => abortRefusal(state)),
};

/** What has begun goes on in its style: half of it was decided by it. */
function styleRefusal(state: RunState, { style, step: id }: RunCommands['setStyle']): string | undefined {
  if (id === undefined) return state.style === style ? `the run is ${style} already` : undefined;
  const step = stepById(state, id);
  if (step === undefined) return noSuchStep(state, id);
  if (styleOf(state, step) === style) return `${id} is ${style} already`;
  const { state: now } = progressOf(state, id);
  return now === 'waiting' || now === 'parked'
    ? undefined
    : `${id} is ${now}; only a step that waits or is parked can change its style`;
}

const noSuchStep = (state: RunState, id: string): string =>
  `there is no step ${JSON.stringify(id)}; steps: ${state.plan.steps.map((step) => step.id).join(', ')}`;

const stepById = (state: RunState, id: string): PlanStep | undefined =>
  state.plan.steps.find((step) => step.id === id);

/** Only what is parked can be answered: a running step would be done twice, a finished one undone. */
function parkedRefusal(state: RunState, id: string, verb: string): string | undefined {
  if (stepById(state, id) === undefined) return noSuchStep(state, id);
  const progress = progressOf(state, id);
  if (state.aborting !== undefined) {
    return progress.undoing === 'parked'
      ? undefined
      : `the run is being aborted; ${id} can be ${verb} only if undoing it does not work`;
  }
  return progress.state === 'parked'
    ? undefined
    : `${id} is ${progress.state}; only a parked step can be ${verb}`;
}

function againRefusal(state: RunState, id: string, verb: string): string | undefined {
  return state.aborting === undefined
    ? parkedRefusal(state, id, verb)
    : `the run is being aborted; a step can only be retried or skipped where undoing it does not work`;
}

function forcedAlready(state: RunState, id: string): string | undefined {
  const step = stepById(state, id);
  return step !== undefined && styleOf(state, step) === 'forced'
    ? `${id} ran forced already; retry it, accept what it asks for, or skip it`
    : undefined;
}

/** The step of a kind that waits for a person: the named one, or the only one. */
export function waitingStep(state: RunState, kind: string, id: string | undefined): PlanStep | string {
  const waiting = state.plan.steps.filter(
    (step) => step.kind === kind && progressOf(state, step.id).state === 'running',
  );
  const names = waiting.map((step) => step.id).join(', ');
  if (id !== undefined) {
    const named = waiting.find((step) => step.id === id);
    return named ?? `${id} is no ${kind} step that waits${names === '' ? '' : `; waiting: ${names}`}`;
  }
  const [only, another] = waiting;
  if (only === undefined) return `no ${kind} step waits now`;
  return another === undefined ? only : `several ${kind} steps wait (${names}); name one as step`;
}

function onStepOfKind(
  state: RunState,
  kind: string,
  id: string | undefined,
  judge: (step: PlanStep) => string | undefined,
): string | undefined {
  if (state.aborting !== undefined) return 'the run is being aborted';
  const step = waitingStep(state, kind, id);
  return typeof step === 'string' ? step : judge(step);
}

const ruleOf = (state: RunState, step: PlanStep): ApprovalRule => ({
  planDigest: state.plan.digest,
  requestedBy: state.requestedBy,
  approvers: (step.parameters as unknown as ApproveParameters).approvers,
});

/** Why going back is no longer possible: a point of no return was passed, or may have been. */
export function abortRefusal(state: RunState): string | undefined {
  if (state.aborting !== undefined) return 'the run is being aborted already';
  if (state.plan.mode === 'precheck') return undefined; // nothing was changed
  const reasons = state.plan.steps
    .filter((step) => step.reversibility === 'point-of-no-return')
    .flatMap((step) => {
      const { state: stepState, opening } = progressOf(state, step.id);
      if (stepState === 'running') {
        return [
          `${step.id} is running and may pass its point of no return at any moment; wait until it ends`,
        ];
      }
      if (opening === 'passed') return [`${step.id} has passed its point of no return`];
      if (opening === 'unclear') {
        return [
          `${step.id} may have passed its point of no return (${progressOf(state, step.id).outcome?.summary ?? ''})`,
        ];
      }
      return [];
    });
  if (reasons.length === 0) return undefined;
  return `${reasons.join('; ')}: the only way is forward (retry, force, accept or skip what is parked)`;
}
