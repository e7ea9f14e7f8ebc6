import type { Client } from '@temporalio/client';
import { planDigest } from '../../domain/plan-digest.ts';
import type { Plan } from '../../domain/plan.ts';
import type { executePlan } from '../../workflows/execute-plan.ts';

/** Where the time of each step went, in ms of the server's own clock; the three add up to the step. */
export interface StepTimes {
  /** From one step's scheduling to the next one's. */
  readonly step: readonly number[];
  /** The activity, from its scheduling to its result at the server. */
  readonly activity: readonly number[];
  /** From the result until a worker has the workflow task. */
  readonly handOver: readonly number[];
  /** The workflow task: the worker's decision, and its way back to the server. */
  readonly decision: readonly number[];
  readonly eventsPerStep: number;
}

/** Executes a chain of steps, each needing the one before, and reads from the history where the time went. */
export async function runChain(client: Client, taskQueue: string, plan: Plan): Promise<StepTimes> {
  const handle = await client.workflow.start<typeof executePlan>('executePlan', {
    taskQueue,
    workflowId: `failover/${plan.domain}`,
    args: [
      {
        plan,
        request: { runbook: 'bench', by: 'bench' },
        operation: 'bench',
        startedAt: Date.now(),
        decisions: [],
      },
    ],
  });
  const record = await handle.result();
  if (record.outcome !== 'completed') throw new Error(`expected outcome completed, seen ${record.outcome}`);
  const { events } = await handle.fetchHistory();
  const timesOf = (attributes: keyof NonNullable<typeof events>[number]): readonly number[] =>
    (events ?? []).flatMap((event) => (event[attributes] == null ? [] : [milliseconds(event.eventTime)]));
  const scheduled = timesOf('activityTaskScheduledEventAttributes');
  const ended = timesOf('activityTaskCompletedEventAttributes');
  const decided = timesOf('workflowTaskStartedEventAttributes').slice(1);
  const between = (from: readonly number[], to: readonly number[]) =>
    scheduled.slice(1).map((_, index) => (to[index] ?? 0) - (from[index] ?? 0));
  return {
    eventsPerStep: (events ?? []).length / plan.steps.length,
    step: between(scheduled, scheduled.slice(1)),
    activity: between(scheduled, ended),
    handOver: between(ended, decided),
    decision: between(decided, scheduled.slice(1)),
  };
}

const milliseconds = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): number =>
  Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;

/** A plan of `steps` callHooks that find nothing to do, one after the other. */
export function chainPlan(domain: string, steps: number, url: string): Plan {
  const plan = {
    version: 1,
    runbook: 'bench',
    domain,
    mode: 'real',
    style: 'graceful',
    drill: false,
    steps: Array.from({ length: steps }, (_, index) => ({
      id: `step-${index}`,
      kind: 'callHook',
      title: `Find step ${index} done`,
      needs: index === 0 ? [] : [`step-${index - 1}`],
      reversibility: 'forward-only' as const,
      parameters: { hook: 'bench', url, timeoutMs: 10_000, with: {} },
    })),
    sources: { inventory: '', runbook: '' },
  } as const;
  return { ...plan, digest: planDigest(plan) };
}
