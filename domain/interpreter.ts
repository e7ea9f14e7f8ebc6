import { ancestorsOf } from './graph.ts';
import type { PlanStep } from './plan.ts';
import type { RunOutcome, RunPhase, RunRecord, RunRequest, StepRecord, StepState } from './run.ts';
import type { StepOutcome } from './step.ts';
import { claimKind, progressOf, withProgress, type RunState } from './run-state.ts';

/** Kinds that the workflow itself carries out: waiting for a person or for time, without any target. */
export const approveKind = 'approve';
export const holdKind = 'hold';

/** Steps that may start now: whatever does not need something unfinished, at the same time. */
export function readySteps(state: RunState): readonly PlanStep[] {
  if (state.aborting !== undefined) return [];
  const mayComeBeforeClaim = stepsBeforeClaim(state);
  return state.plan.steps.filter(
    (step) =>
      progressOf(state, step.id).state === 'waiting' &&
      step.needs.every((need) => progressOf(state, need).state === 'finished') &&
      (mayComeBeforeClaim === undefined || mayComeBeforeClaim.has(step.id)),
  );
}

/** While an epoch is still to be claimed: the claim and what it needs; undefined once nothing is to be claimed. */
function stepsBeforeClaim(state: RunState): ReadonlySet<string> | undefined {
  const { steps } = state.plan;
  const claims = steps.filter(
    (step) => step.kind === claimKind && progressOf(state, step.id).state !== 'finished',
  );
  if (claims.length === 0) return undefined;
  return new Set(claims.flatMap(({ id }) => [id, ...ancestorsOf(steps, id)]));
}

const someStep = (state: RunState, test: (step: PlanStep) => boolean): boolean => state.plan.steps.some(test);

const isRunning = (state: RunState, step: PlanStep): boolean =>
  progressOf(state, step.id).state === 'running';

/** True when nothing is left to run, to wait for or to undo. */
export function isSettled(state: RunState): boolean {
  if (state.aborting === undefined) {
    return state.plan.steps.every((step) => progressOf(state, step.id).state === 'finished');
  }
  return (
    !someStep(state, (step) => isRunning(state, step) || isUndoOpen(state, step)) &&
    nextUndo(state) === undefined
  );
}

function isUndoOpen(state: RunState, step: PlanStep): boolean {
  const { undoing } = progressOf(state, step.id);
  return undoing === 'running' || undoing === 'parked';
}

/** After an abort: what to undo next, newest first and one at a time, so that dependants go before what they need. */
export function nextUndo(state: RunState): PlanStep | undefined {
  if (state.aborting === undefined) return undefined;
  if (someStep(state, (step) => isRunning(state, step) || isUndoOpen(state, step))) return undefined;
  return state.plan.steps
    .filter((step) => {
      const progress = progressOf(state, step.id);
      return step.reversibility === 'reversible' && progress.isTouched && progress.undoing === undefined;
    })
    .sort((a, b) => progressOf(state, b.id).endOrder - progressOf(state, a.id).endOrder)[0];
}

export const undoStarted = (state: RunState, id: string): RunState =>
  withProgress(state, id, { undoing: 'running' });

/** An undo that did not work parks, too: the run does not close over a half-undone target. */
export function undoEnded(state: RunState, id: string, undo: StepOutcome): RunState {
  if (undo.status === 'done' || undo.status === 'already') {
    return withProgress(state, id, { undo, undoing: 'ended', state: 'undone' });
  }
  return withProgress(state, id, {
    undo,
    undoing: 'parked',
    waitingFor: `an operator (retry or skip): undoing it: ${undo.status}: ${undo.summary}`,
  });
}

/** What a person should see first wins: parked, then a wanted approval, then a hold. */
export function phaseOf(state: RunState): RunPhase {
  if (isSettled(state)) return 'closed';
  if (state.aborting !== undefined) {
    return someStep(state, (step) => progressOf(state, step.id).undoing === 'parked') ? 'parked' : 'undoing';
  }
  if (someStep(state, (step) => progressOf(state, step.id).state === 'parked')) return 'parked';
  const waitsIn = (kind: string) => someStep(state, (step) => step.kind === kind && isRunning(state, step));
  if (waitsIn(approveKind)) return 'awaiting-approval';
  return waitsIn(holdKind) ? 'holding' : 'running';
}

export function runOutcomeOf(state: RunState): RunOutcome {
  const statuses = state.plan.steps.map((step) => progressOf(state, step.id).outcome?.status);
  if (state.plan.mode === 'precheck') {
    if (state.aborting !== undefined) return 'aborted';
    const isFine = statuses.every((status) => status === 'planned' || status === 'already');
    return isFine ? 'precheck passed' : 'precheck found problems';
  }
  if (state.aborting !== undefined) return 'aborted';
  return statuses.includes('skipped') ? 'completed with skips' : 'completed';
}

/** What the record needs beside the state of the steps. */
export interface RunFacts {
  readonly operation: string;
  readonly request: RunRequest;
  readonly startedAt: number;
  readonly endedAt?: number;
}

export function recordOf(state: RunState, facts: RunFacts): RunRecord {
  const isClosed = isSettled(state);
  return {
    operation: { id: facts.operation, domain: state.plan.domain, epoch: state.epoch },
    request: facts.request,
    planDigest: state.plan.digest,
    phase: phaseOf(state),
    style: state.style,
    ...(isClosed ? { outcome: runOutcomeOf(state) } : {}),
    startedAt: facts.startedAt,
    ...(facts.endedAt === undefined ? {} : { endedAt: facts.endedAt }),
    steps: state.plan.steps.map((step) => stepRecord(state, step, isClosed)),
    ...(state.plan.leftOut === undefined ? {} : { leftOut: state.plan.leftOut }),
    decisions: state.decisions,
    leftToDo: leftToDo(state),
    ...(state.because.length === 0 ? {} : { because: state.because }),
  };
}

function stepRecord(state: RunState, step: PlanStep, isClosed: boolean): StepRecord {
  const progress = progressOf(state, step.id);
  const { attempts, startedAt, endedAt, outcome, waitingFor, undo } = progress;
  return {
    id: step.id,
    kind: step.kind,
    title: step.title,
    needs: step.needs,
    reversibility: step.reversibility,
    state: isClosed ? stateWhenClosed(progress.state) : progress.state,
    attempts,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(waitingFor === undefined || isClosed ? {} : { waitingFor }),
    ...(undo === undefined ? {} : { undo }),
  };
}

/** After an abort: a step that never ran was not reached; one that was parked ended with the outcome it has. */
function stateWhenClosed(state: StepState): StepState {
  if (state === 'waiting') return 'not reached';
  return state === 'parked' ? 'finished' : state;
}

function leftToDo(state: RunState): readonly string[] {
  return state.plan.steps.flatMap((step) => {
    const { outcome, undo, isTouched } = progressOf(state, step.id);
    const stays = state.aborting !== undefined && isTouched && step.reversibility === 'forward-only';
    const sentences = [
      ...(outcome?.leftToDo ?? []),
      ...(undo?.leftToDo ?? []),
      ...(stays ? ['stays as it is: this kind of step is not undone'] : []),
    ];
    return sentences.map((sentence) => `${step.id}: ${sentence}`);
  });
}
