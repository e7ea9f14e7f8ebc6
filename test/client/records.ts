import type { RunRecord, StepRecord } from '../../domain/run.ts';
import type { OutcomeStatus, StepOutcome } from '../../domain/step.ts';

export const outcome = (
  status: OutcomeStatus,
  summary: string,
  rest: Partial<StepOutcome> = {},
): StepOutcome => ({
  status,
  summary,
  details: [],
  before: null,
  after: null,
  evidence: [],
  durationsMs: {},
  ...rest,
});

export const step = (id: string, rest: Partial<StepRecord> = {}): StepRecord => ({
  id,
  kind: 'fenceUnits',
  title: `Do ${id}`,
  needs: [],
  reversibility: 'reversible',
  state: 'waiting',
  attempts: 0,
  ...rest,
});

export const record = (steps: readonly StepRecord[], rest: Partial<RunRecord> = {}): RunRecord => ({
  operation: { id: 'run-1', domain: 'shop', epoch: 12 },
  request: { runbook: 'site-failover', from: 'east', to: 'west', mode: 'real', by: 'ann', reason: 'storm' },
  planDigest: 'abcdef0123456789'.repeat(4),
  phase: 'running',
  style: 'graceful',
  startedAt: 1_000_000,
  steps,
  decisions: [],
  leftToDo: [],
  ...rest,
});
