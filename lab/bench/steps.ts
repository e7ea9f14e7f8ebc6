import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { Plan } from '../../domain/plan.ts';
import type { executePlan } from '../../workflows/execute-plan.ts';
import { cacheFolder } from '../engines/cache.ts';
import { obtainTemporal, startTemporal } from '../engines/temporal.ts';
import { reservePorts, type PortBlock } from '../process/ports.ts';
import { openSupervisor, type Supervisor } from '../process/supervise.ts';
import { searchAttributes } from '../sites/layout.ts';
import { bundleWorkflows, startWorker } from '../sites/start-worker.ts';

const goalMs = 25;
const taskQueue = 'bench-steps';

/**
 * What orchestration costs: a chain of steps that find nothing to do, through the real worker on the lab's Temporal.
 * Each step is one callHook that asks a local HTTP server (about a millisecond of it is that call) and hears "already".
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { steps: { type: 'string', default: '200' }, json: { type: 'string' } },
  });
  const steps = Number(values.steps);
  if (!Number.isInteger(steps) || steps < 2 || steps > 1_000) {
    throw new Error(`--steps: expected a whole number from 2 to 1000, seen ${values.steps}`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-bench-'));
  const supervisor = await openSupervisor({ stateFolder: folder, say: console.log });
  const ports = reservePorts(cacheFolder());
  const hook = await startHook();
  try {
    const address = await startEngines(supervisor, folder, ports);
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    await timesBetweenSteps(client, chain('warm-up', 100, hook.url));
    const times = await timesBetweenSteps(client, chain('measured', steps, hook.url));
    await connection.close();
    report(times, await hookCallMs(hook.url), values.json);
  } finally {
    hook.close();
    await supervisor.close();
    ports.release();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startEngines(supervisor: Supervisor, folder: string, ports: PortBlock): Promise<string> {
  const frontend = await ports.next();
  await startTemporal(supervisor, {
    program: await obtainTemporal(console.log),
    name: 'temporal',
    databaseFile: join(folder, 'temporal.db'),
    ports: { frontend, ui: await ports.next() },
    searchAttributes,
  });
  const address = `127.0.0.1:${frontend}`;
  const inventory = join(folder, 'siteshift.yaml');
  writeFileSync(inventory, 'version: 1\ndomain: bench\nsites:\n  east: {}\n  west: {}\n');
  mkdirSync(join(folder, 'runbooks'));
  await startWorker(supervisor, 'worker', {
    SITESHIFT_TEMPORAL_ADDRESS: address,
    SITESHIFT_TEMPORAL_TASK_QUEUE: taskQueue,
    SITESHIFT_INVENTORY: inventory,
    SITESHIFT_RUNBOOKS: join(folder, 'runbooks'),
    SITESHIFT_WORKFLOW_BUNDLE: await bundleWorkflows(join(folder, 'workflows.js')),
  });
  return address;
}

/** A hook whose target is always as wished. */
async function startHook() {
  let calls = 0;
  const server = createServer((request, response) => {
    calls += 1;
    request.resume().on('end', () => response.end('{"state": "already", "summary": "as wished"}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, calls: () => calls, close };
}

const chain = (domain: string, steps: number, url: string): Plan => ({
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
    reversibility: 'forward-only',
    parameters: { hook: 'bench', url, timeoutMs: 10_000, with: {} },
  })),
  sources: { inventory: '', runbook: '' },
  digest: '0'.repeat(64),
});

/** ms from one step's scheduling to the next one's, as the server's own history has them. */
async function timesBetweenSteps(client: Client, plan: Plan): Promise<readonly number[]> {
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
  const scheduled = (events ?? []).flatMap((event) =>
    event.activityTaskScheduledEventAttributes == null ? [] : [milliseconds(event.eventTime)],
  );
  return scheduled.slice(1).map((time, index) => time - (scheduled[index] ?? time));
}

const milliseconds = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): number =>
  Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;

/** What the hook call alone takes, so that it can be told from the orchestration. */
async function hookCallMs(url: string): Promise<number> {
  const calls = 200;
  const startedAt = performance.now();
  for (let call = 0; call < calls; call += 1) await (await fetch(url, { method: 'POST', body: '{}' })).json();
  return round((performance.now() - startedAt) / calls);
}

function report(times: readonly number[], hookCallMs: number, file: string | undefined): void {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  const mean = round(times.reduce((sum, time) => sum + time, 0) / times.length);
  const result = {
    steps: times.length + 1,
    msPerStep: mean,
    perStepMs: { p50: at(0.5), p95: at(0.95), max: at(1) },
    goalMs,
    isReached: mean <= goalMs,
    hookCallMs,
  };
  console.log(
    `${mean} ms per sequential step (p50 ${result.perStepMs.p50}, p95 ${result.perStepMs.p95}, max ${result.perStepMs.max}); of it about ${hookCallMs} ms for the step's own call; goal ${goalMs} ms`,
  );
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

const round = (value: number): number => Math.round(value * 10) / 10;
