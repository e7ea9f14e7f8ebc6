import type { OperatorDecision, RunRecord, StepRecord } from '../run.ts';
import type { Evidence, OutcomeStatus } from '../step.ts';
import { outcomeStatuses } from '../step.ts';

/** From a moment on the run's clock to another. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly ms: number;
  /** What the two moments are, as a sentence part. */
  readonly basis: string;
}

/** The figures at the head of a report, computed from the record alone. */
export interface RunSummary {
  readonly title: string;
  readonly counts: readonly { readonly status: OutcomeStatus; readonly count: number }[];
  readonly totalMs?: number;
  /** How long the moved users could not write. */
  readonly writeGap?: Span;
  readonly decisionToFirstWrite?: Span;
  /** Time in which the run waited for a person, as far as the record shows it. */
  readonly peopleMs: number;
  /** The loss ledger: at least one line for each promotion. */
  readonly losses: readonly { readonly step: string; readonly evidence: Evidence }[];
  readonly skipped: readonly StepRecord[];
}

export function summarise(record: RunRecord): RunSummary {
  const { startedAt, endedAt } = record;
  const writeGap = findWriteGap(record.steps);
  const firstWrite = firstWriteAt(record.steps);
  return {
    title: titleOf(record),
    counts: countOutcomes(record.steps),
    ...(endedAt === undefined ? {} : { totalMs: endedAt - startedAt }),
    ...(writeGap === undefined ? {} : { writeGap }),
    ...(firstWrite === undefined || record.request.mode !== 'real'
      ? {}
      : {
          decisionToFirstWrite: span(startedAt, firstWrite.at, `the start of the run → ${firstWrite.what}`),
        }),
    peopleMs: unionMs(waitsForPeople(record)),
    losses: findLosses(record.steps),
    skipped: record.steps.filter((step) => step.outcome?.status === 'skipped'),
  };
}

function titleOf({ request, outcome, phase }: RunRecord): string {
  const move = request.from === undefined ? '' : ` from ${request.from}`;
  const target = request.to === undefined ? '' : ` to ${request.to}`;
  return `${request.runbook}${move}${target}: ${outcome ?? phase}`;
}

const countOutcomes = (steps: readonly StepRecord[]) =>
  outcomeStatuses
    .map((status) => ({ status, count: steps.filter((step) => step.outcome?.status === status).length }))
    .filter(({ count }) => count > 0);

const span = (from: number, to: number, basis: string): Span => ({
  from,
  to,
  ms: Math.max(0, to - from),
  basis,
});

const isGood = (step: StepRecord): boolean =>
  step.outcome?.status === 'done' || step.outcome?.status === 'already';

const endsOf = (steps: readonly StepRecord[], kind: string): readonly number[] =>
  steps.filter((step) => step.kind === kind && isGood(step)).flatMap((step) => step.endedAt ?? []);

/** The first moment at which a moved user was served by the new unit, as the step that tried it measured it. */
function firstWriteAt(steps: readonly StepRecord[]): { at: number; what: string } | undefined {
  const verified = steps
    .filter((step) => step.kind === 'verifyEndpoint' && isGood(step))
    .flatMap(firstServed);
  if (verified.length > 0)
    return { at: Math.min(...verified), what: 'the first request of a moved user served' };
  const opened = endsOf(steps, 'openUnits');
  return opened.length === 0 ? undefined : { at: Math.min(...opened), what: 'the opening, not verified' };
}

function firstServed({ outcome, endedAt }: StepRecord): readonly number[] {
  const measured = outcome?.evidence.find(({ what }) => what === 'firstAcceptedWriteAt')?.value;
  if (typeof measured === 'number') return [measured];
  return endedAt === undefined ? [] : [endedAt];
}

function findWriteGap(steps: readonly StepRecord[]): Span | undefined {
  const fenced = endsOf(steps, 'fenceUnits');
  const first = firstWriteAt(steps);
  if (fenced.length === 0 || first === undefined) return undefined;
  return span(Math.min(...fenced), first.at, `the fence, acknowledged → ${first.what}`);
}

/** Evidence about transactions that one side has and the other may not have, also the proof that there are none. */
const lossWords = /\b(loss|lacks|errant|that only|holds exactly)\b/i;
const findLosses = (steps: readonly StepRecord[]): RunSummary['losses'] =>
  steps
    .filter((step) => step.kind === 'promoteDatabase')
    .flatMap((step) => {
      const found = (step.outcome?.evidence ?? []).filter(({ what }) => lossWords.test(what));
      const rows = found.length === 0 && isGood(step) ? [unrecordedLoss] : found;
      return rows.map((evidence) => ({ step: step.id, evidence }));
    });

/** Silence is no proof: a promotion without a word about its loss is one whose attempt died before it could say it. */
const unrecordedLoss: Evidence = {
  what: 'loss',
  value: 'not known: the attempt that promoted it recorded nothing about it',
  source: 'this report',
};

type Interval = readonly [from: number, to: number];

/** Before the first step: until the last approval. Afterwards: the steps that ask or hold. */
function waitsForPeople({ startedAt, steps, decisions }: RunRecord): readonly Interval[] {
  const asked = steps
    .filter((step) => step.kind === 'approve' || step.kind === 'hold')
    .flatMap((step): Interval[] =>
      step.startedAt === undefined || step.endedAt === undefined ? [] : [[step.startedAt, step.endedAt]],
    );
  const approvals = decisions.filter((decision) => isBeforeStart(decision, steps)).map(({ at }) => at);
  return approvals.length === 0 ? asked : [[startedAt, Math.max(...approvals)], ...asked];
}

function isBeforeStart({ action, at, step }: OperatorDecision, steps: readonly StepRecord[]): boolean {
  const first = Math.min(...steps.flatMap(({ startedAt }) => startedAt ?? []));
  return action === 'approve' && step === undefined && at <= first;
}

/** Length of the union: time that two waits share counts once. */
export function unionMs(intervals: readonly Interval[]): number {
  let total = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const [from, to] of [...intervals].sort(([a], [b]) => a - b)) {
    if (to <= end) continue;
    total += to - Math.max(from, end);
    end = to;
  }
  return total;
}
