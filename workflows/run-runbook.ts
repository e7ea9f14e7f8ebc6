import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { CompiledPlan } from '../activities/compile-plan.ts';
import { initialState } from '../domain/run-state.ts';
import { parseRunRequest, type FullRunRequest } from '../domain/run-request.ts';
import { renderMarkdown } from '../domain/report/markdown.ts';
import type { RunOutcome, RunRecord, RunRequest } from '../domain/run.ts';
import { seconds } from './answers.ts';
import { checkPlan } from './check-plan.ts';
import { compilePlan, observeTopology } from './planning-activities.ts';
import { runLocked } from './locked-plan.ts';
import { namedFailure } from './named-failure.ts';
import { searchAttributeKeys, type RunResult } from './messages.ts';
import { PlanRun } from './plan-run.ts';
import { RunEntry } from './run-entry.ts';

/**
 * What people, alerts and schedules start, with ONE object. A precheck only looks; a real run executes its plan in the
 * workflow `failover/<domain>`, of which there can be one at a time. Its result is the report.
 */
export async function runRunbook(input: RunRequest): Promise<RunResult> {
  const parsed = parseRunRequest(input);
  const entry = new RunEntry({
    operation: workflowInfo().workflowId,
    request: 'request' in parsed ? parsed.request : input,
    startedAt: workflowInfo().runStartTime.getTime(),
  });
  if ('problems' in parsed) {
    const problems = parsed.problems.map((problem) => `- ${problem}`).join('\n');
    throw namedFailure('InvalidRequest', `this run cannot start:\n${problems}`);
  }
  let record: RunRecord;
  try {
    record = await planAndRun(entry, parsed.request);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    record = refusedRecord(entry, 'aborted', 'cancelled before anything was changed');
  }
  entry.show({ executed: record });
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  return { record, markdown: renderMarkdown(record) };
}

async function planAndRun(entry: RunEntry, request: FullRunRequest): Promise<RunRecord> {
  // 1. Look at the systems and make the plan.
  publishRequest(request);
  entry.show({ phase: 'observing' });
  const observed = await observeTopology({ request });
  entry.show({ phase: 'compiling' });
  const compiled = await compilePlan({ request, observed });
  const { plan, notes } = compiled;
  checkPlan(plan);
  upsertSearchAttributes([{ key: searchAttributeKeys.domain, value: plan.domain }]);
  entry.show({ plan, ...(notes.length === 0 ? {} : { because: notes }) });

  // 2. A precheck asks every step what it would do; here, so that it needs no lock and is seen in one place.
  if (request.mode === 'precheck') return runPrecheck(entry, request, compiled);

  // 3. What is executed is what was approved.
  if (request.planDigest !== undefined && request.planDigest !== plan.digest) {
    return refusedRecord(
      entry,
      'refused',
      `the plan is now ${plan.digest}, not ${request.planDigest} as asked for: ` +
        `the systems, the inventory or the runbook have changed; look at the new plan and start again`,
    );
  }
  const refusal = await approvalRefused(entry, request, compiled);
  if (refusal !== undefined) return refusedRecord(entry, 'refused', refusal);

  // 4. Execute it under the domain's lock.
  return runLocked(entry, request, plan);
}

function publishRequest({ runbook, mode, from, to }: FullRunRequest): void {
  upsertSearchAttributes([
    { key: searchAttributeKeys.runbook, value: runbook },
    { key: searchAttributeKeys.mode, value: mode },
    ...(from === undefined ? [] : [{ key: searchAttributeKeys.from, value: from }]),
    ...(to === undefined ? [] : [{ key: searchAttributeKeys.to, value: to }]),
  ]);
}

async function runPrecheck(
  entry: RunEntry,
  request: FullRunRequest,
  compiled: CompiledPlan,
): Promise<RunRecord> {
  const { workflowId, runStartTime } = workflowInfo();
  const withNotes = (record: RunRecord): RunRecord =>
    compiled.notes.length === 0
      ? record
      : { ...record, because: [...compiled.notes, ...(record.because ?? [])] };
  const state = initialState(compiled.plan, request.by, []);
  const facts = { operation: workflowId, request, startedAt: runStartTime.getTime() };
  const run = new PlanRun(state, facts, {
    phase: (phase, outcome) => entry.showPhase(phase, outcome),
    record: (record) => entry.show({ executed: withNotes(record) }),
  });
  return withNotes(await run.carryOut());
}

/** Waits for a person where the policy asks for one. Nobody answering in time is a refusal. */
async function approvalRefused(
  entry: RunEntry,
  request: FullRunRequest,
  { plan, policy }: CompiledPlan,
): Promise<string | undefined> {
  const isNeeded =
    policy.approval === 'always' || (policy.approval === 'forced' && request.style === 'forced');
  if (!isNeeded) return undefined;
  entry.openApproval({ planDigest: plan.digest, requestedBy: request.by, approvers: policy.approvers });
  entry.show({ phase: 'awaiting-approval' });
  await condition(() => entry.decisions.length > 0, policy.approvalTimeoutMs, {
    summary: `Approval of plan ${plan.digest.slice(0, 12)}`,
  });
  entry.closeApproval();
  const [decision] = entry.decisions;
  if (decision === undefined) {
    return `nobody approved plan ${plan.digest} within ${seconds(policy.approvalTimeoutMs)}, which counts as a refusal`;
  }
  return decision.action === 'approve' ? undefined : `declined by ${decision.by}: ${decision.reason}`;
}

function refusedRecord(entry: RunEntry, outcome: RunOutcome, reason: string): RunRecord {
  entry.show({ outcome, because: [...(entry.record.because ?? []), reason] });
  return entry.record;
}
