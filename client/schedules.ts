import { ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleUpdateOptions } from '@temporalio/client';
import type { RunRequest } from '../domain/run.ts';
import type { RunResult } from '../workflows/messages.ts';

/** A runbook that starts by itself. */
export interface RunSchedule {
  /** What it is called here; in Temporal its id is `siteshift/<name>`. */
  readonly name: string;
  readonly when: { readonly everyMs: number } | { readonly cron: string };
  readonly request: RunRequest;
  /**
   * What happens when the last run is still open: a run that moves nothing is given up for the new one, so that one
   * that waits for a person does not end all recording; any other is left alone, and the new one is not started.
   */
  readonly whileOpen: 'give up the old' | 'skip the new';
}

export interface ListedSchedule {
  readonly name: string;
  readonly request: RunRequest;
  readonly isPaused: boolean;
  readonly next?: string;
  /** Workflow ids of the latest runs, newest first. */
  readonly recent: readonly string[];
}

const prefix = 'siteshift/';
/** Starts that were missed while Temporal was away are not made up for, but for the last one. */
const catchupWindowMs = 60_000;

type RunRunbook = (request: RunRequest) => Promise<RunResult>;

/** Makes the schedule as given, whether it is there or not. */
export async function setSchedule(
  client: Client,
  taskQueue: string,
  schedule: RunSchedule,
): Promise<'created' | 'updated'> {
  const scheduleId = `${prefix}${schedule.name}`;
  const options = optionsOf(schedule, taskQueue);
  try {
    await client.schedule.getHandle(scheduleId).update<RunRunbook>(({ state }) => ({
      ...options,
      state: { paused: state.paused, ...(state.note === undefined ? {} : { note: state.note }) },
    }));
    return 'updated';
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  await client.schedule.create<RunRunbook>({ scheduleId, ...options, state: {} });
  return 'created';
}

function optionsOf({ when, request, whileOpen }: RunSchedule, taskQueue: string) {
  const named = [request.runbook, request.from, request.to].filter((part) => part !== undefined).join('-');
  return {
    spec: 'cron' in when ? { cronExpressions: [when.cron] } : { intervals: [{ every: when.everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'runRunbook',
      workflowId: named, // Temporal adds the time: each run is an operation of its own
      taskQueue,
      args: [request],
    },
    policies: {
      overlap: whileOpen === 'skip the new' ? ScheduleOverlapPolicy.SKIP : ScheduleOverlapPolicy.CANCEL_OTHER,
      catchupWindow: catchupWindowMs,
    },
  } as const satisfies Omit<ScheduleUpdateOptions, 'state'>;
}

export async function listSchedules(client: Client): Promise<readonly ListedSchedule[]> {
  const names: string[] = [];
  for await (const { scheduleId } of client.schedule.list())
    if (scheduleId.startsWith(prefix)) names.push(scheduleId);
  const found = await Promise.all(names.toSorted().map((id) => client.schedule.getHandle(id).describe()));
  return found.map(listed);
}

function listed({ scheduleId, action, state, info }: ScheduleDescription): ListedSchedule {
  const [next] = info.nextActionTimes;
  return {
    name: scheduleId.slice(prefix.length),
    request: (action.args?.[0] ?? { runbook: 'not readable' }) as RunRequest,
    isPaused: state.paused,
    ...(next === undefined ? {} : { next: next.toISOString() }),
    recent: info.recentActions.map(({ action: { workflow } }) => workflow.workflowId).toReversed(),
  };
}

/** @returns whether it was there */
export async function removeSchedule(client: Client, name: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(`${prefix}${name}`).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}
