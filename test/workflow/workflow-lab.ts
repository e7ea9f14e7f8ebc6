import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { CompiledPlan } from '../../activities/compile-plan.ts';
import { describeHolder } from '../../activities/describe-holder.ts';
import type { StepActivity } from '../../activities/step-activity.ts';
import type { ObservedTopology, Plan } from '../../domain/plan.ts';
import type { RunRecord, RunRequest } from '../../domain/run.ts';
import { planWorkflowId, searchAttributes } from '../../domain/search-attributes.ts';
import { obtainTemporal, startTemporal } from '../../lab/engines/temporal.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import type { executePlan } from '../../workflows/execute-plan.ts';
import { statusQuery, type RunResult } from '../../workflows/messages.ts';
import type { runRunbook } from '../../workflows/run-runbook.ts';
import { openTestLab } from '../lab/test-lab.ts';
import { compiled } from './test-plan.ts';
import type { Supervised } from '../../lab/process/supervise.ts';

export interface FakeActivities {
  readonly compiled?: CompiledPlan;
  readonly observed?: ObservedTopology;
  /** Step kind → what its activity does. */
  readonly steps?: { readonly [kind: string]: StepActivity };
}

/** A real Temporal server, the real workflows, and typed fakes of the activities. */
export interface WorkflowLab {
  readonly address: string;
  readonly client: Client;
  readonly server: Supervised;
  readonly folder: string;
  readonly lab: Awaited<ReturnType<typeof openTestLab>>;
  /** Starts a worker on its own task queue, and ends it after `use`. */
  withWorker<Result>(fakes: FakeActivities, use: (queue: string) => Promise<Result>): Promise<Result>;
  startRun(queue: string, request: RunRequest, id?: string): Promise<WorkflowHandle<typeof runRunbook>>;
  close(): Promise<void>;
}

export async function openWorkflowLab(): Promise<WorkflowLab> {
  const lab = await openTestLab();
  const ports = { frontend: await lab.ports.next(), ui: await lab.ports.next() };
  const server = await startTemporal(lab.supervisor, {
    program: await obtainTemporal(lab.say),
    name: 'temporal',
    databaseFile: join(lab.folder, 'temporal.db'),
    ports,
    searchAttributes,
  });
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const address = `127.0.0.1:${ports.frontend}`;
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  const client = new Client({ connection });
  const workflowBundle = await bundleWorkflows(new DefaultLogger('ERROR'));

  return {
    address,
    client,
    server,
    folder: lab.folder,
    lab,
    async withWorker(fakes, use) {
      const queue = `test-${randomUUID()}`;
      const worker = await Worker.create({
        connection: native,
        taskQueue: queue,
        workflowBundle,
        activities: activitiesOf(fakes),
        maxHeartbeatThrottleInterval: '1 second',
        stickyQueueScheduleToStartTimeout: '2 seconds',
      });
      return worker.runUntil(use(queue));
    },
    startRun: (queue, request, id = `run-${randomUUID()}`) =>
      client.workflow.start<typeof runRunbook>('runRunbook', {
        taskQueue: queue,
        workflowId: id,
        args: [request],
      }),
    async close() {
      await native.close();
      await connection.close();
      await lab.close();
    },
  };
}

const activitiesOf = ({ compiled, observed, steps }: FakeActivities) => ({
  observeTopology: async (): Promise<ObservedTopology> => observed ?? { databases: {}, gaps: [] },
  compilePlan: async (): Promise<CompiledPlan> => {
    if (compiled === undefined) throw new Error('this test gave no plan');
    return compiled;
  },
  describeHolder,
  ...steps,
});

/** Waits until the workflow's status satisfies `test`; the test's own time-out is the limit. */
export async function whenStatus(
  handle: Pick<WorkflowHandle<typeof executePlan>, 'query'>,
  test: (record: RunRecord) => boolean,
): Promise<RunRecord> {
  for (;;) {
    const record = await handle.query(statusQuery).catch(() => undefined);
    if (record !== undefined && test(record)) return record;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs the plan to its end; `operate` meanwhile acts as the operator of the workflow that executes it. */
export async function execute(
  lab: WorkflowLab,
  plan: Plan,
  { steps }: Pick<FakeActivities, 'steps'>,
  operate: (execution: ReturnType<typeof executionOf>) => Promise<unknown> = async () => {},
): Promise<RunRecord> {
  const fakes = steps === undefined ? {} : { steps };
  return lab.withWorker({ compiled: compiled(plan), ...fakes }, async (queue) => {
    const run = await lab.startRun(queue, {
      runbook: plan.runbook,
      mode: 'real',
      by: 'ann',
      reason: 'storm',
    });
    const [{ record }] = await Promise.all([run.result(), operate(executionOf(lab, plan))]);
    return record;
  });
}

export const executionOf = (lab: WorkflowLab, { domain }: Pick<Plan, 'domain'>) =>
  lab.client.workflow.getHandle<typeof executePlan>(planWorkflowId(domain));

export type Execution = ReturnType<typeof executionOf>;
export type StartedRun = WorkflowHandle<typeof runRunbook>;

export const stepIn = (record: RunRecord, id: string) => {
  const step = record.steps.find((candidate) => candidate.id === id);
  if (step === undefined) throw new Error(`no step ${id} in the record`);
  return step;
};

export type { RunResult };
