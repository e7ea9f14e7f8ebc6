import type { RunRecord } from '../run.ts';
import type { Json } from '../json.ts';
import { outcomeOf, stepInputOf } from './calls.ts';
import type { Call } from './calls.ts';
import type { GivenCommand } from './commands.ts';
import type { HistoryEvent } from './history-events.ts';
import { idOf } from './history-events.ts';

/** work: an attempt at a target. queue: nobody had taken it yet, or earlier attempts. person: waits for a decision. */
export type BarKind = 'work' | 'queue' | 'person' | 'worker away';

/** A stretch of time on one line of the timeline, and the event that proves it. */
export interface Bar {
  readonly lane: string;
  readonly kind: BarKind;
  readonly from: number;
  /** Absent while it goes on. */
  readonly to?: number;
  readonly text: string;
  readonly workflow: string;
  readonly event: number;
}

/** A decision, at one moment. */
export interface Mark {
  readonly at: number;
  readonly text: string;
  readonly lane: string;
  readonly by: string;
  readonly identity: string;
  /** What the step had come to when it was decided: what the decision rested on. */
  readonly after?: string;
  readonly workflow: string;
  readonly event: number;
}

export interface Timeline {
  readonly from: number;
  readonly to: number;
  readonly bars: readonly Bar[];
  readonly marks: readonly Mark[];
  /** Steps that decided how long it took, in their order. */
  readonly criticalPath: readonly string[];
}

/** The lane of what is done before there are steps. */
export const planningLane = 'planning';

export interface WorkflowEvents {
  readonly workflow: string;
  readonly events: readonly HistoryEvent[];
  readonly calls: readonly Call[];
  readonly commands: readonly GivenCommand[];
}

/** How long a worker may take for a workflow task before the gap is worth a bar. */
const noticeableGapMs = 1_000;

export function timelineOf(record: RunRecord, histories: readonly WorkflowEvents[]): Timeline {
  const ends = histories.flatMap(({ events }) => events.at(-1)?.at ?? []);
  const to = record.endedAt ?? Math.max(record.startedAt, ...ends);
  const bars = histories.flatMap((history) => [
    ...history.calls.flatMap((call) => callBars(call, history.workflow)),
    ...workerGaps(history),
  ]);
  const marks = histories.flatMap((history) => history.commands.map((command) => markOf(command, history)));
  return {
    from: record.startedAt,
    to,
    bars: [...bars, ...personBars(record, histories, to)].sort(
      (a, b) => a.from - b.from || a.event - b.event,
    ),
    marks: marks.sort((a, b) => a.at - b.at || a.event - b.event),
    criticalPath: criticalPathOf(record),
  };
}

function callBars(call: Call, workflow: string): readonly Bar[] {
  const input = stepInputOf(call);
  const lane = input?.step ?? planningLane;
  const what =
    input === undefined ? call.activity : `${input.mode === 'apply' ? '' : `${input.mode} `}${call.activity}`;
  const outcome = input === undefined ? undefined : outcomeOf(call);
  const text = `${what}${outcome === undefined ? '' : `: ${outcome.status}: ${outcome.summary}`}`;
  const begin = call.startedAt ?? call.endedAt;
  const queued: Bar = {
    lane,
    kind: 'queue',
    from: call.scheduledAt,
    ...(begin === undefined ? {} : { to: begin }),
    text:
      call.attempts > 1 ? `${what}: ${call.attempts - 1} earlier attempts` : `${what}: waits for a worker`,
    workflow,
    event: call.scheduledEvent,
  };
  if (call.startedAt === undefined) return [queued];
  const work: Bar = {
    lane,
    kind: 'work',
    from: call.startedAt,
    ...(call.endedAt === undefined ? {} : { to: call.endedAt }),
    text,
    workflow,
    event: call.endedEvent ?? call.scheduledEvent,
  };
  return [queued, work];
}

/** Time in which no worker took a workflow task: it was away, and nothing could go on. */
function workerGaps({ workflow, events }: WorkflowEvents): readonly Bar[] {
  return events.flatMap((event): Bar[] => {
    if (event.type !== 'workflowTaskStarted') return [];
    const scheduled = events.find((other) => other.id === idOf(event, 'scheduledEventId'));
    if (scheduled === undefined || event.at - scheduled.at < noticeableGapMs) return [];
    const text = 'no worker took the next decision';
    return [
      {
        lane: planningLane,
        kind: 'worker away',
        from: scheduled.at,
        to: event.at,
        text,
        workflow,
        event: event.id,
      },
    ];
  });
}

function markOf(
  { name, payload, at, event, identity }: GivenCommand,
  { workflow, calls }: WorkflowEvents,
): Mark {
  const step = 'step' in payload ? payload.step : undefined;
  const by = payload.by ?? 'not said';
  const last = calls.findLast(
    (call) => step !== undefined && stepInputOf(call)?.step === step && (call.endedEvent ?? event) < event,
  );
  const outcome = last === undefined ? undefined : outcomeOf(last);
  return {
    at,
    ...(outcome === undefined
      ? {}
      : { after: [`${outcome.status}: ${outcome.summary}`, ...outcome.details].join('; ') }),
    lane: step ?? planningLane,
    by,
    identity,
    workflow,
    event,
    text: `${name}${step === undefined ? '' : ` ${step}`} by ${by}${payload.reason === undefined ? '' : `: ${payload.reason}`}`,
  };
}

const parking = new Set(['refused', 'waiting', 'failed', 'unknown']);
const answers = new Set(['retry', 'skip', 'force', 'accept', 'abort', 'rollBack']);

/** From the end of an attempt that parked until somebody answered, and the time of approvals and holds. */
function personBars(record: RunRecord, histories: readonly WorkflowEvents[], end: number): readonly Bar[] {
  const isReal = record.request.mode === 'real';
  const parked = histories.flatMap(({ workflow, calls, commands }) =>
    calls.flatMap((call): Bar[] => {
      const step = stepInputOf(call)?.step;
      const outcome = outcomeOf(call);
      if (!isReal || step === undefined || outcome === undefined || !parking.has(outcome.status)) return [];
      if (call.endedAt === undefined || call.endedEvent === undefined) return [];
      const next = calls.find(
        (other) => other.scheduledEvent > (call.endedEvent ?? 0) && stepInputOf(other)?.step === step,
      );
      const answer = commands.find(
        (command) => command.event > (call.endedEvent ?? 0) && answersStep(command, step),
      );
      if (next !== undefined && (answer === undefined || next.scheduledEvent < answer.event)) return []; // looked again
      const text = `parked: ${outcome.status}: ${outcome.summary}`;
      return [
        {
          lane: step,
          kind: 'person',
          from: call.endedAt,
          to: answer?.at ?? end,
          text,
          workflow,
          event: call.endedEvent,
        },
      ];
    }),
  );
  const asked = record.steps
    .filter(
      (step) => isReal && (step.kind === 'approve' || step.kind === 'hold') && step.startedAt !== undefined,
    )
    .map((step): Bar => {
      const text = `${step.title}: ${step.outcome?.summary ?? 'nobody has answered yet'}`;
      const workflow = histories.at(-1)?.workflow ?? '';
      const last = { to: step.endedAt ?? end };
      return { lane: step.id, kind: 'person', from: step.startedAt ?? 0, ...last, text, workflow, event: 0 };
    });
  return [...parked, ...asked, ...approvalBefore(record, histories[0], end)];
}

const answersStep = ({ name, payload }: GivenCommand, step: string): boolean =>
  answers.has(name) && (!('step' in payload) || payload.step === undefined || payload.step === step);

/** The approval that the policy asks for, between the plan and its execution. */
function approvalBefore(record: RunRecord, entry: WorkflowEvents | undefined, end: number): readonly Bar[] {
  const compiled = entry?.calls.find((call) => call.activity === 'compilePlan' && call.result !== undefined);
  const policy = (compiled?.result as { readonly policy?: { readonly approval?: Json } } | undefined)?.policy;
  const { style = 'graceful', mode } = record.request;
  const isAsked =
    mode === 'real' &&
    (policy?.approval === 'always' || (policy?.approval === 'forced' && style === 'forced'));
  if (!isAsked || entry === undefined || compiled?.endedAt === undefined) return [];
  const decision = entry.commands.find(({ name }) => name === 'approve' || name === 'decline');
  const started = entry.events.find(({ type }) => type === 'startChildWorkflowExecutionInitiated');
  const text =
    decision === undefined
      ? 'waits for an approval'
      : `${decision.name} by ${decision.payload.by ?? 'not said'}`;
  return [
    {
      lane: planningLane,
      kind: 'person',
      from: compiled.endedAt,
      to: decision?.at ?? started?.at ?? end,
      text,
      workflow: entry.workflow,
      event: decision?.event ?? compiled.endedEvent ?? 0,
    },
  ];
}

/** Backwards from the step that ended last, each time to the need that ended last. */
function criticalPathOf({ steps }: RunRecord): readonly string[] {
  const latest = (ids: readonly string[] | undefined) =>
    steps
      .filter((step) => step.endedAt !== undefined && (ids === undefined || ids.includes(step.id)))
      .reduce<RunRecord['steps'][number] | undefined>(
        (best, step) => (best === undefined || (step.endedAt ?? 0) > (best.endedAt ?? 0) ? step : best),
        undefined,
      );
  const path: string[] = [];
  for (
    let step = latest(undefined);
    step !== undefined;
    step = step.needs.length === 0 ? undefined : latest(step.needs)
  ) {
    if (path.includes(step.id)) break;
    path.unshift(step.id);
  }
  return path;
}
