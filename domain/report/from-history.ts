import { parseRunRequest } from '../run-request.ts';
import { initialState } from '../run-state.ts';
import type { Plan } from '../plan.ts';
import type { OperatorDecision, RunRecord, RunRequest } from '../run.ts';
import { callsOf } from './calls.ts';
import { commandsOf } from './commands.ts';
import { decodeFirst, eventsOf, failureMessage, member, textOf } from './history-events.ts';
import type { History, HistoryEvent } from './history-events.ts';
import { replayRun } from './replay-run.ts';
import { unionMs } from './summary.ts';
import { timelineOf } from './timeline.ts';
import type { Timeline, WorkflowEvents } from './timeline.ts';

/** Where the time went; the three add up to the whole. */
export interface Clock {
  readonly totalMs: number;
  /** At least one step worked on a target, or waited for it. */
  readonly machineMs: number;
  /** Nothing worked, and somebody was waited for. */
  readonly peopleMs: number;
  /** The rest: handing over between steps, and times without a worker. */
  readonly betweenMs: number;
}

export interface HistoryReport {
  readonly record: RunRecord;
  readonly timeline: Timeline;
  readonly clock: Clock;
  /** What the history did not tell, e.g. because it is encrypted. */
  readonly gaps: readonly string[];
}

/**
 * Everything a report says, from the histories alone: no target, no worker and no file is needed.
 * @param parent history of the run that people started
 * @param child history of the workflow that executed its plan; absent for a precheck, and before that workflow exists
 * @throws Error when `parent` is no history of `runRunbook`
 */
export function fromHistory({ parent, child }: { parent: History; child?: History }): HistoryReport {
  const entry = read(parent);
  const execution = child === undefined ? undefined : read(child);
  const type = textOf(member(entry.events[0]?.attributes, 'workflowType', 'name'));
  if (type !== 'runRunbook')
    throw new Error(`build a report: expected the history of a runRunbook workflow, seen ${type ?? 'none'}`);
  const record = recordFrom(entry, execution);
  const timeline = timelineOf(record, execution === undefined ? [entry] : [entry, execution]);
  return { record, timeline, clock: clockOf(timeline), gaps: gapsOf(entry, execution) };
}

function read(history: History): WorkflowEvents {
  const events = eventsOf(history);
  const workflow = textOf(events[0]?.attributes['workflowId']) ?? 'unknown';
  return { workflow, events, calls: callsOf(events), commands: commandsOf(events) };
}

const inputOf = ({ events }: WorkflowEvents): unknown => decodeFirst(events[0]?.attributes['input']);
const resultOf = ({ events }: WorkflowEvents): unknown =>
  decodeFirst(events.find(({ type }) => type === 'workflowExecutionCompleted')?.attributes['result']);

/** The workflow's own last word where there is one; otherwise what its rules make of the events so far. */
function recordFrom(entry: WorkflowEvents, execution: WorkflowEvents | undefined): RunRecord {
  const said =
    member(resultOf(entry), 'record') ?? (execution === undefined ? undefined : resultOf(execution));
  if (said !== undefined) return said as RunRecord;
  return rebuildRecord(entry, execution);
}

/** The record of a run that has no result yet, or never will have one. Exported for the test that compares the two. */
export function rebuildFromHistory({ parent, child }: { parent: History; child?: History }): RunRecord {
  return rebuildRecord(read(parent), child === undefined ? undefined : read(child));
}

function rebuildRecord(entry: WorkflowEvents, execution: WorkflowEvents | undefined): RunRecord {
  const startedAt = entry.events[0]?.at ?? 0;
  const request = requestOf(entry);
  const operation = entry.workflow;
  const plan =
    (member(execution === undefined ? undefined : inputOf(execution), 'plan') as Plan | undefined) ??
    (member(entry.calls.find((call) => call.activity === 'compilePlan')?.result, 'plan') as Plan | undefined);
  const decisions = entry.commands
    .filter(({ name }) => name === 'approve' || name === 'decline')
    .map(({ name, payload, at }) => decision(name as 'approve' | 'decline', payload.by, payload.reason, at));
  const closed = endOf(execution ?? entry);
  const because = closed === undefined || closed.why === undefined ? [] : [closed.why];
  if (plan === undefined)
    return {
      operation: { id: operation, domain: '', epoch: 0 },
      request,
      phase: closed === undefined ? 'observing' : 'closed',
      style: request.style ?? 'graceful',
      startedAt,
      ...(closed === undefined ? {} : { endedAt: closed.at, outcome: 'refused' as const }),
      steps: [],
      decisions,
      leftToDo: [],
      because,
    };
  const source = execution ?? entry;
  const timers = source.events
    .filter((event) => event.type === 'timerFired')
    .map((event) => ({ event: event.id, at: event.at, summary: timerSummary(source.events, event) }));
  const facts = { operation, request, startedAt, ...(closed === undefined ? {} : { endedAt: closed.at }) };
  // Approvals of the run stand in the entry; those of steps are replayed from where they were given.
  const commands = execution === undefined ? [] : execution.commands;
  const start = initialState(plan, request.by ?? 'not said', decisions);
  const record = replayRun(start, facts, { plan, calls: source.calls, commands, timers });
  return because.length === 0 ? record : { ...record, because: [...(record.because ?? []), ...because] };
}

/** With its defaults, as the run itself reads it; as it stands where it was not valid. */
function requestOf(entry: WorkflowEvents): RunRequest {
  const input = inputOf(entry);
  const parsed = parseRunRequest(input);
  return 'request' in parsed
    ? parsed.request
    : { runbook: 'not readable', ...(input as Partial<RunRequest> | undefined) };
}

const decision = (
  action: 'approve' | 'decline',
  by: string | undefined,
  reason: string | undefined,
  at: number,
): OperatorDecision => ({ at, by: by ?? 'not said', action, reason: reason ?? '' });

function timerSummary(events: readonly HistoryEvent[], fired: HistoryEvent): string {
  const started = events.find((event) => event.id === Number(fired.attributes['startedEventId']));
  return started?.summary ?? '';
}

const ends: { readonly [type: string]: string | undefined } = {
  workflowExecutionCompleted: undefined,
  workflowExecutionFailed: 'the workflow failed',
  workflowExecutionTerminated: 'the workflow was terminated: nothing was undone or cleaned up',
  workflowExecutionTimedOut: 'the workflow ran out of time',
  workflowExecutionCanceled: 'the workflow was cancelled',
};

function endOf({ events }: WorkflowEvents): { at: number; why?: string } | undefined {
  const last = events.find((event) => event.type in ends);
  if (last === undefined) return undefined;
  const why = ends[last.type];
  if (why === undefined) return { at: last.at };
  const detail =
    textOf(last.attributes['reason']) ??
    (last.attributes['failure'] === undefined ? '' : failureMessage(last.attributes['failure']));
  return { at: last.at, why: detail === '' ? why : `${why}: ${detail}` };
}

function clockOf({ from, to, bars }: Timeline): Clock {
  const within = bars.map((bar) => ({ ...bar, to: bar.to ?? to }));
  const spans = (kinds: readonly string[]) =>
    within
      .filter(({ kind }) => kinds.includes(kind))
      .map((bar) => [Math.max(from, bar.from), Math.min(to, bar.to)] as const)
      .filter(([begin, end]) => end > begin);
  const machineMs = unionMs(spans(['work']));
  const machineOrPeopleMs = unionMs(spans(['work', 'person']));
  const totalMs = to - from;
  return {
    totalMs,
    machineMs,
    peopleMs: machineOrPeopleMs - machineMs,
    betweenMs: totalMs - machineOrPeopleMs,
  };
}

function gapsOf(entry: WorkflowEvents, execution: WorkflowEvents | undefined): readonly string[] {
  const startsChild = entry.events.some(({ type }) => type === 'childWorkflowExecutionStarted');
  const resets = [entry, ...(execution === undefined ? [] : [execution])].flatMap(({ workflow, events }) =>
    events
      .filter(({ attributes }) => attributes['cause'] === 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW')
      .map(
        (event) =>
          `${workflow} was reset at event ${event.id}; what was scheduled before and ran on is not shown`,
      ),
  );
  return [
    ...(inputOf(entry) === undefined
      ? ['the input of the run is encoded in a way that this report cannot read']
      : []),
    ...(startsChild && execution === undefined
      ? ['the history of the workflow that executed the plan is missing']
      : []),
    ...resets,
  ];
}
