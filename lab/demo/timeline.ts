import { Client, Connection } from '@temporalio/client';
import { domain } from '../sites/layout.ts';

/** A part of the way from the decision to the first write, ms since the decision. */
export interface TimelineEntry {
  readonly what: string;
  readonly fromMs: number;
  readonly toMs: number;
}

type Events = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>;
type Event = Events[number];

/**
 * Where the time went, by the server's own clock: when the run was there, how long each activity waited for a worker and
 * ran. Read from the histories of the run and of the plan's execution.
 */
export async function readTimeline(
  address: string,
  workflowId: string,
  decidedAt: number,
): Promise<readonly TimelineEntry[]> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection });
    const histories = await Promise.all(
      [workflowId, `failover/${domain}`].map((id) => client.workflow.getHandle(id).fetchHistory()),
    );
    const entries = histories.flatMap(({ events }, index) =>
      entriesOf(events ?? [], index === 0 ? 'run' : 'plan', decidedAt),
    );
    return entries.sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs);
  } finally {
    await connection.close();
  }
}

function entriesOf(events: Events, workflow: string, decidedAt: number): TimelineEntry[] {
  const at = (event: Event | undefined) => Math.round(timeOf(event) - decidedAt);
  const byId = new Map(events.map((event) => [String(event.eventId), event]));
  const before = (id: unknown) => byId.get(String(id));
  return events.flatMap((event): TimelineEntry[] => {
    const entry = (what: string, from: Event | undefined): TimelineEntry[] => [
      { what: `${workflow}: ${what}`, fromMs: at(from), toMs: at(event) },
    ];
    const { activityTaskStartedEventAttributes: started, activityTaskCompletedEventAttributes: completed } =
      event;
    if (event.workflowExecutionStartedEventAttributes != null) return entry('is there', event);
    if (event.workflowTaskStartedEventAttributes != null)
      return entry('workflow task waits', before(event.workflowTaskStartedEventAttributes.scheduledEventId));
    if (event.workflowTaskCompletedEventAttributes != null)
      return entry('workflow task', before(event.workflowTaskCompletedEventAttributes.startedEventId));
    if (started != null)
      return entry(
        `${nameOf(before(started.scheduledEventId))} waits for a worker`,
        before(started.scheduledEventId),
      );
    if (completed != null)
      return entry(nameOf(before(completed.scheduledEventId)), before(completed.startedEventId));
    return [];
  });
}

function nameOf(scheduled: Event | undefined): string {
  const { activityId, activityType } = scheduled?.activityTaskScheduledEventAttributes ?? {};
  return /^\d+$/.test(activityId ?? '') ? (activityType?.name ?? '?') : (activityId ?? '?');
}

const timeOf = (event: Event | undefined): number =>
  Number(event?.eventTime?.seconds ?? 0) * 1_000 + (event?.eventTime?.nanos ?? 0) / 1e6;
