import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  scheduleActivity,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { PlanStep } from '../domain/plan.ts';
import type { StepInput, StepOutcome } from '../domain/step.ts';
import { activityOptions, allowedWaitMs } from './activity-options.ts';

/** Why a step's activity is called; it words the summary in the timeline and the activity's id. */
export type CallPurpose = 'apply' | 'precheck' | 'look again' | 'undo';

const wording: { readonly [Purpose in CallPurpose]: { readonly id: string; readonly summary: string } } = {
  apply: { id: '', summary: '' },
  precheck: { id: '', summary: 'Check: ' },
  'look again': { id: 'look/', summary: 'Look again: ' },
  undo: { id: 'undo/', summary: 'Undo: ' },
};

/** Longer summaries are cut by the server or by the timeline. */
const longestSummary = 120;

/** Calls a step's activity; never throws for what a target or a worker does: that comes back as unknown. */
export function callStep(
  step: PlanStep,
  purpose: CallPurpose,
  input: StepInput,
  attempt: number,
): Promise<StepOutcome> {
  const isReadOnly = purpose === 'precheck' || purpose === 'look again';
  const { id, summary } = wording[purpose];
  const again = attempt > 1 && purpose === 'apply' ? ` (try ${attempt})` : '';
  return scheduleActivity<StepOutcome>(step.kind, [input], {
    ...activityOptions(isReadOnly ? 'look' : 'switching', allowedWaitMs(step)),
    activityId: `${id}${step.id}`,
    summary: `${summary}${step.title}`.slice(0, longestSummary - again.length) + again,
  }).catch(outcomeOfFailure);
}

/** What the target looks like after this is not known: whoever goes on has to look at it first. */
function outcomeOfFailure(error: unknown): StepOutcome {
  const unknown = (summary: string): StepOutcome => ({
    status: 'unknown',
    summary,
    details: [summary],
    before: null,
    after: null,
    evidence: [],
    durationsMs: {},
  });
  if (isCancellation(error)) return unknown('stopped while it ran, because the run was aborted');
  if (!(error instanceof ActivityFailure)) throw error; // a defect of the workflow: fails the task, not the run
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return unknown(timeoutSentence(cause));
  if (cause instanceof ApplicationFailure) return unknown(cause.message);
  return unknown(cause?.message ?? error.message);
}

function timeoutSentence(failure: TimeoutFailure): string {
  if (failure.timeoutType === 'HEARTBEAT') return 'the worker that ran it was lost each time it was tried';
  if (failure.timeoutType === 'START_TO_CLOSE') {
    return 'it did not end within the time that one attempt has, each time it was tried';
  }
  return 'it did not end within the time that all its attempts together have; is a worker running?';
}
