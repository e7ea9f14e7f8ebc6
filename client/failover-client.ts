import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { ManifestAnswer, ManifestQuery } from '../domain/kubernetes/manifest-query.ts';
import type { RunCommandName, RunCommands } from '../domain/run-commands.ts';
import type { RunRecord, RunRequest } from '../domain/run.ts';
import { searchAttributes } from '../domain/search-attributes.ts';
import type { HolderMemo, RunResult } from '../workflows/messages.ts';
import type { ClientConfig } from './config.ts';
import { CommandFailure } from './exit-codes.ts';
import { listSchedules, removeSchedule, setSchedule } from './schedules.ts';
import type { ListedSchedule, RunSchedule } from './schedules.ts';
import { translated } from './temporal-failures.ts';
import { stepsUnderWay, type StepUnderWay } from './under-way.ts';
import { manifestsWorkflowId, runWorkflowId } from './workflow-ids.ts';

/** How long one question to Temporal may take before it counts as not answered. */
const requestTimeoutMs = 10_000;
/** A server that refuses the connection is tried again until then: it may be starting. */
const connectTimeoutMs = 5_000;

/** A history as Temporal's own tools write and read it. */
export type HistoryJson = { readonly events: readonly object[] };

export interface RunListEntry {
  readonly id: string;
  readonly status: string;
  readonly startedAt: string;
  /** The run whose plan this is, where that run itself has closed or was terminated: the plan goes on without it. */
  readonly planOf?: string;
}

/** Every way in uses this, and nothing else talks to Temporal. */
export interface FailoverClient {
  /** @returns the workflow id, which is the operation id */
  start(request: RunRequest): Promise<string>;
  /** Where a run stands; where its plan is executed elsewhere, the record of that execution. */
  status(id: string): Promise<RunRecord>;
  /**
   * The same for somebody who looks again and again: asks the executing workflow only, until it is closed.
   * @param last what was seen before
   */
  statusAfter(id: string, last: RunRecord | undefined): Promise<RunRecord>;
  /** What the steps that run say now, e.g. what they wait for. */
  underWay(record: RunRecord): Promise<readonly StepUnderWay[]>;
  /** Sends an operator's answer to where the run takes it. @returns the run's one sentence */
  command<Name extends RunCommandName>(id: string, name: Name, payload: RunCommands[Name]): Promise<string>;
  result(id: string): Promise<RunResult>;
  /** The run's history, and that of the workflow that executed its plan. */
  history(id: string): Promise<{ readonly parent: HistoryJson; readonly child?: HistoryJson }>;
  running(): Promise<readonly RunListEntry[]>;
  /** Workers that ask for work on the task queue now. */
  pollers(): Promise<readonly string[]>;
  missingSearchAttributes(): Promise<readonly string[]>;
  /** Has a worker read the manifest store, which only workers reach. */
  readManifests(query: ManifestQuery): Promise<ManifestAnswer>;
  setSchedule(schedule: RunSchedule): Promise<'created' | 'updated'>;
  schedules(): Promise<readonly ListedSchedule[]>;
  /** @returns whether it was there */
  removeSchedule(name: string): Promise<boolean>;
  close(): Promise<void>;
}

/** @throws CommandFailure(unreachable) when nobody answers at the address */
export async function connectFailoverClient({ temporal }: ClientConfig): Promise<FailoverClient> {
  const { address, namespace, taskQueue, apiKey, tls } = temporal;
  const options: ConnectionOptions = {
    address,
    connectTimeout: connectTimeoutMs,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined ? {} : { tls }),
  };
  const connection = await translated(`connect to Temporal at ${address}`, () => Connection.connect(options));
  const client = new Client({ connection, namespace });
  const ask = <Answer>(what: string, question: () => Promise<Answer>): Promise<Answer> =>
    translated(what, () => connection.withDeadline(Date.now() + requestTimeoutMs, question));

  return {
    start: (request) => startRun(client, taskQueue, request),
    status: (id) => ask(`ask run ${id} where it stands`, () => readStatus(client, id)),
    statusAfter: (id, last) => ask(`ask run ${id} where it stands`, () => readStatusAfter(client, id, last)),
    underWay: ({ operation, runningIn = operation.id }) =>
      ask(`ask what ${runningIn} is at`, () => stepsUnderWay(client, runningIn)),
    command: (id, name, payload) => sendCommand(client, id, name, payload),
    result: (id) => translated(`wait for run ${id}`, () => client.workflow.result<RunResultWorkflow>(id)),
    history: (id) => ask(`fetch the history of ${id}`, () => fetchHistories(client, id)),
    running: () => ask('list the runs', () => listRunning(client)),
    pollers: () => ask(`ask who polls ${taskQueue}`, () => listPollers(client, namespace, taskQueue)),
    missingSearchAttributes: () => ask('ask for the search attributes', () => listMissing(client, namespace)),
    readManifests: (query) => askStore(client, taskQueue, query),
    setSchedule: (schedule) =>
      ask(`set the schedule ${schedule.name}`, () => setSchedule(client, taskQueue, schedule)),
    schedules: () => ask('list the schedules', () => listSchedules(client)),
    removeSchedule: (name) => ask(`remove the schedule ${name}`, () => removeSchedule(client, name)),
    close: () => connection.close(),
  };
}

type RunResultWorkflow = (request: RunRequest) => Promise<RunResult>;

async function startRun(client: Client, taskQueue: string, request: RunRequest): Promise<string> {
  const workflowId = runWorkflowId(request, new Date());
  const summary = `${request.runbook} ${[request.from, request.to].filter(Boolean).join(' to ')}`.trim();
  await translated(`start ${request.runbook}`, () =>
    client.workflow.start<RunResultWorkflow>('runRunbook', {
      workflowId,
      taskQueue,
      args: [request],
      staticSummary: `${summary}: ${request.reason ?? request.mode ?? 'precheck'}`.slice(0, 120),
    }),
  );
  return workflowId;
}

/** A store that does not answer for so long is not going to. */
const storeTimeoutMs = 180_000;

async function askStore(client: Client, taskQueue: string, query: ManifestQuery): Promise<ManifestAnswer> {
  type ReadManifests = (query: ManifestQuery) => Promise<ManifestAnswer>;
  return translated('read the manifest store', () =>
    client.workflow.execute<ReadManifests>('readManifests', {
      workflowId: manifestsWorkflowId(query, new Date()),
      taskQueue,
      args: [query],
      workflowExecutionTimeout: storeTimeoutMs,
    }),
  );
}

async function readStatus(client: Client, id: string): Promise<RunRecord> {
  const record = await client.workflow.getHandle(id).query<RunRecord>('status');
  if (record.runningIn === undefined || record.phase === 'closed') return record;
  return (await readExecuting(client, record.runningIn, record)) ?? record;
}

/** Each question costs the worker a task, and it has better things to do while a plan runs. */
async function readStatusAfter(client: Client, id: string, last: RunRecord | undefined): Promise<RunRecord> {
  if (last?.runningIn === undefined) return readStatus(client, id);
  const executing = await readExecuting(client, last.runningIn, last);
  return executing === undefined || executing.phase === 'closed' ? readStatus(client, id) : executing;
}

/** The id of the lock is used again and again: it may be another run's by now, then undefined. */
async function readExecuting(
  client: Client,
  runningIn: string,
  { operation }: RunRecord,
): Promise<RunRecord | undefined> {
  const executing = await client.workflow.getHandle(runningIn).query<RunRecord>('status');
  return executing.operation.id === operation.id ? { ...executing, runningIn } : undefined;
}

async function sendCommand<Name extends RunCommandName>(
  client: Client,
  id: string,
  name: Name,
  payload: RunCommands[Name],
): Promise<string> {
  const record = await translated(`ask run ${id} where it stands`, () => readStatus(client, id));
  if (record.phase === 'closed') throw new CommandFailure('refused', `${name}: run ${id} is closed`);
  return translated(`send ${name} to ${record.runningIn ?? id}`, () =>
    client.workflow
      .getHandle(record.runningIn ?? id)
      .executeUpdate<string, [RunCommands[Name]]>(name, { args: [payload] }),
  );
}

async function fetchHistories(
  client: Client,
  id: string,
): Promise<{ parent: HistoryJson; child?: HistoryJson }> {
  const parent = await historyJson(client, id);
  const started = parent.events.find((event) => 'childWorkflowExecutionStartedEventAttributes' in event);
  const execution = (started as ChildStarted | undefined)?.childWorkflowExecutionStartedEventAttributes
    .workflowExecution;
  if (execution === undefined) return { parent };
  // After a reset the execution goes on under another run id; only if the id is another run's by now, ask for the first.
  const latest = await historyJson(client, execution.workflowId);
  const isSame = isRunOf(latest, execution.runId);
  return {
    parent,
    child: isSame ? latest : await historyJson(client, execution.workflowId, execution.runId),
  };
}

interface ChildStarted {
  readonly childWorkflowExecutionStartedEventAttributes: {
    readonly workflowExecution: { readonly workflowId: string; readonly runId: string };
  };
}

interface Started {
  readonly workflowExecutionStartedEventAttributes?: {
    readonly firstExecutionRunId?: string;
    readonly originalExecutionRunId?: string;
  };
}

function isRunOf({ events }: HistoryJson, runId: string): boolean {
  const [first]: readonly Started[] = events;
  const started = first?.workflowExecutionStartedEventAttributes;
  return started?.firstExecutionRunId === runId || started?.originalExecutionRunId === runId;
}

async function historyJson(client: Client, id: string, runId?: string): Promise<HistoryJson> {
  const history = await client.workflow.getHandle(id, runId).fetchHistory();
  return JSON.parse(historyToJSON(history)) as HistoryJson;
}

async function listRunning(client: Client): Promise<readonly RunListEntry[]> {
  const entries: RunListEntry[] = [];
  const started = new Set<string>();
  const query = `WorkflowType IN ('runRunbook', 'executePlan') AND ExecutionStatus = 'Running'`;
  for await (const run of client.workflow.list({ query })) {
    const { operation } = (run.memo ?? {}) as Partial<HolderMemo>;
    if (run.type === 'runRunbook') started.add(run.workflowId);
    entries.push({
      id: run.workflowId,
      status: run.status.name,
      startedAt: run.startTime.toISOString(),
      ...(operation === undefined ? {} : { planOf: operation }),
    });
  }
  return entries.filter(({ planOf }) => planOf === undefined || !started.has(planOf));
}

async function listPollers(client: Client, namespace: string, taskQueue: string): Promise<readonly string[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
  });
  return (pollers ?? []).map((poller) => poller.identity ?? 'unnamed');
}

async function listMissing(client: Client, namespace: string): Promise<readonly string[]> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(searchAttributes).filter((name) => customAttributes?.[name] === undefined);
}

/** Connects, works, and closes the connection whatever happens. */
export async function withClient<Result>(
  config: ClientConfig,
  work: (client: FailoverClient) => Promise<Result>,
): Promise<Result> {
  const client = await connectFailoverClient(config);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
