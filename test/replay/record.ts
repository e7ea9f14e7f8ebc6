import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { compiled } from '../workflow/test-plan.ts';
import { executionOf, openWorkflowLab, type WorkflowLab } from '../workflow/workflow-lab.ts';
import { replayScenarios, type ReplayScenario } from './scenarios.ts';

/**
 * `node test/replay/record.ts LABEL` runs every scenario on a real server and keeps the histories of both workflows in
 * histories/LABEL. Do it whenever a workflow has changed, and keep the older ones: runs that were started by an older
 * worker have to go on under a newer one.
 */
const [label = ''] = process.argv.slice(2);
if (!/^[a-z0-9-]+$/.test(label))
  throw new Error('usage: node test/replay/record.ts LABEL (letters, digits, dashes)');

const folder = fileURLToPath(new URL(`histories/${label}`, import.meta.url));
mkdirSync(folder, { recursive: false }); // refuses to overwrite
const lab = await openWorkflowLab();
try {
  for (const [name, scenario] of Object.entries(replayScenarios())) await record(lab, name, scenario);
} finally {
  await lab.close();
}

async function record(lab: WorkflowLab, name: string, scenario: ReplayScenario): Promise<void> {
  const { plan, policy, script, operate } = scenario;
  const steps = { ...script.steps, claimEpoch: script.steps.fakeStep };
  await lab.withWorker({ compiled: compiled(plan, policy), steps }, async (queue) => {
    const run = await lab.startRun(
      queue,
      { runbook: plan.runbook, mode: plan.mode, by: 'ann', reason: 'storm' },
      `run-${name}`,
    );
    const execution = executionOf(lab, plan);
    const [{ record }] = await Promise.all([run.result(), operate?.(run, execution)]);
    write(`${name}.run-runbook`, historyToJSON(await run.fetchHistory()));
    if (plan.mode === 'real') write(`${name}.execute-plan`, historyToJSON(await execution.fetchHistory()));
    console.log(`${name}: ${record.outcome}`);
  });
}

function write(name: string, history: string): void {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(anonymous(JSON.parse(history)))}\n`);
}

/** Without the machine's name and the paths in stack traces: replay needs neither. */
function anonymous(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(anonymous);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (key === 'stackTrace') return [key, ''];
      return key === 'identity' && typeof member === 'string' ? [key, 'test'] : [key, anonymous(member)];
    }),
  );
}
