import type { Json } from '../json.ts';
import type { StepInput, StepOutcome } from '../step.ts';
import { decodeFirst, failureMessage, idOf, member, textOf } from './history-events.ts';
import type { HistoryEvent } from './history-events.ts';

/** One activity of a history, from its scheduling to its end; Temporal's own retries are inside it. */
export interface Call {
  readonly activity: string;
  readonly summary?: string;
  readonly scheduledAt: number;
  readonly scheduledEvent: number;
  /** When its last attempt was started; earlier attempts leave no event of their own. */
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly endedEvent?: number;
  /** Attempts that Temporal made; 0 before the first one is on record. */
  readonly attempts: number;
  readonly input?: Json;
  readonly result?: Json;
  /** Why it ended without a result. */
  readonly failure?: string;
}

const endings = [
  'activityTaskCompleted',
  'activityTaskFailed',
  'activityTaskTimedOut',
  'activityTaskCanceled',
];

/** Pairs scheduling, start and end by the event that they refer to. */
export function callsOf(events: readonly HistoryEvent[]): readonly Call[] {
  const refersTo = (event: HistoryEvent, scheduled: HistoryEvent): boolean =>
    idOf(event, 'scheduledEventId') === scheduled.id;
  return events
    .filter((event) => event.type === 'activityTaskScheduled')
    .map((scheduled) => {
      const started = events.find(
        (event) => event.type === 'activityTaskStarted' && refersTo(event, scheduled),
      );
      const ended = events.find((event) => endings.includes(event.type) && refersTo(event, scheduled));
      const input = decodeFirst(scheduled.attributes['input']);
      return {
        activity: textOf(member(scheduled.attributes, 'activityType', 'name')) ?? 'unknown',
        ...(scheduled.summary === undefined ? {} : { summary: scheduled.summary }),
        scheduledAt: scheduled.at,
        scheduledEvent: scheduled.id,
        ...(started === undefined ? {} : { startedAt: started.at }),
        attempts: started === undefined ? 0 : Number(started.attributes['attempt'] ?? 1),
        ...(input === undefined ? {} : { input }),
        ...(ended === undefined ? {} : endOf(ended)),
      };
    });
}

function endOf(ended: HistoryEvent): Pick<Call, 'endedAt' | 'endedEvent' | 'result' | 'failure'> {
  const result = decodeFirst(ended.attributes['result']);
  const failed = ended.type !== 'activityTaskCompleted';
  return {
    endedAt: ended.at,
    endedEvent: ended.id,
    ...(result === undefined ? {} : { result }),
    ...(failed
      ? {
          failure:
            ended.type === 'activityTaskCanceled' ? 'cancelled' : failureMessage(ended.attributes['failure']),
        }
      : result === undefined
        ? { failure: 'its result is encoded in a way that this report cannot read' }
        : {}),
  };
}

/** The call's argument where it is a step's; planning activities have others. */
export function stepInputOf(call: Call): StepInput | undefined {
  const { input } = call;
  const isStep = typeof member(input, 'step') === 'string' && typeof member(input, 'mode') === 'string';
  return isStep ? (input as unknown as StepInput) : undefined;
}

/** What a step's call came to; a call without a result leaves the target in an unknown state. */
export function outcomeOf(call: Call): StepOutcome | undefined {
  if (call.result !== undefined) return call.result as unknown as StepOutcome;
  if (call.failure === undefined) return undefined;
  return {
    status: 'unknown',
    summary: call.failure,
    details: [call.failure],
    before: null,
    after: null,
    evidence: [],
    durationsMs: {},
  };
}
