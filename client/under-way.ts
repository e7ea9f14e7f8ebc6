import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

/** What a step that runs has said last. It changes from second to second, and no history keeps it. */
export interface StepUnderWay {
  /** Id of its activity: that of the step, `look/…` or `undo/…`. */
  readonly step: string;
  readonly attempt: number;
  /** What it waits for or works at; absent where it has said nothing yet. */
  readonly says?: string;
  /** Why the attempt before this one ended. */
  readonly failure?: string;
}

type PendingActivity = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>['raw']['pendingActivities']
>[number];

/** Asks Temporal itself, not a worker. @param workflowId the run, or where it has its plan executed */
export async function stepsUnderWay(client: Client, workflowId: string): Promise<readonly StepUnderWay[]> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? []).map(underWay);
}

function underWay({ activityId, attempt, heartbeatDetails, lastFailure }: PendingActivity): StepUnderWay {
  const [payload] = heartbeatDetails?.payloads ?? [];
  const said: unknown = payload == null ? undefined : defaultPayloadConverter.fromPayload(payload);
  const says = wordsOf(said);
  const failure = lastFailure?.message ?? '';
  return {
    step: activityId ?? '',
    attempt: attempt ?? 1,
    ...(says === '' ? {} : { says }),
    ...(failure === '' ? {} : { failure }),
  };
}

function wordsOf(said: unknown): string {
  if (said === undefined || said === null) return '';
  if (Array.isArray(said)) return said.map(wordsOf).join(' and ');
  return typeof said === 'string' ? said : JSON.stringify(said);
}

/** One line each; a step that has nothing to say has none. */
export const underWayLines = (steps: readonly StepUnderWay[]): readonly string[] =>
  steps.flatMap(({ step, attempt, says, failure }) => [
    ...(says === undefined ? [] : [`${' '.repeat(10)} … ${step}: ${says}`]),
    ...(failure === undefined
      ? []
      : [`${' '.repeat(10)} … ${step}: attempt ${attempt}; the one before ended with: ${failure}`]),
  ]);
