import { leftOutSentences } from '../left-out.ts';
import type { OperatorDecision, RunRecord, StepRecord } from '../run.ts';
import type { StepOutcome } from '../step.ts';
import { changesBetween } from './changes.ts';
import { cell, durationText, offsetText, plural, shortJson } from './format.ts';
import { headRows } from './head.ts';
import { summarise } from './summary.ts';
import type { RunSummary } from './summary.ts';

const longestValue = 1_000;
const longestChange = 300;
const mostChanges = 40;

/** What only a history knows, for the report that is made from it. */
export interface MarkdownExtra {
  /** Replaces the record's own estimate of how long people were waited for. */
  readonly peopleMs: number;
  /** Whole sections, put between what is to do and the evidence. */
  readonly sections: readonly string[];
}

/**
 * The report of a run as Markdown: the workflow's result, and `siteshift report`. Pure and without Node or Intl; the
 * same record gives the same bytes.
 */
export function renderMarkdown(record: RunRecord, extra?: MarkdownExtra): string {
  const summary = summarise(record);
  const sections = [
    `# ${cell(summary.title)}`,
    markdownTable(['', ''], headRows(record, summary, extra?.peopleMs)),
    list('Why it ended like this', record.because ?? []),
    decisionSection(record),
    stepSection(record),
    list('Left out of the plan', leftOutSentences(record)),
    lossSection(summary),
    list(
      'Skipped',
      summary.skipped.map((step) => `${step.id}: ${step.outcome?.summary ?? ''}`),
    ),
    list('Still to do', record.leftToDo),
    ...(extra?.sections ?? []),
    detailSection(record),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

const list = (title: string, sentences: readonly string[]): string =>
  sentences.length === 0
    ? ''
    : [`## ${title}`, '', ...sentences.map((sentence) => `- ${cell(sentence)}`)].join('\n');

function decisionSection({ decisions, startedAt, request }: RunRecord): string {
  const row = ({ at, by, action, step, reason }: OperatorDecision): readonly string[] => [
    offsetText(at, startedAt),
    by,
    step === undefined ? action : `${action} ${step}`,
    reason,
  ];
  const start = [offsetText(startedAt, startedAt), request.by ?? 'not said', 'start', request.reason ?? ''];
  return `## Decisions\n\n${markdownTable(['When', 'Who', 'What', 'Why'], [start, ...decisions.map(row)])}`;
}

function stepSection({ steps, startedAt }: RunRecord): string {
  if (steps.length === 0) return '';
  const row = (step: StepRecord): readonly string[] => [
    step.id,
    step.outcome?.status ?? step.state,
    step.startedAt === undefined ? '' : offsetText(step.startedAt, startedAt),
    step.startedAt === undefined || step.endedAt === undefined
      ? ''
      : durationText(step.endedAt - step.startedAt),
    step.waitingFor ?? step.outcome?.summary ?? step.title,
  ];
  return `## Steps\n\n${markdownTable(['Step', 'Outcome', 'Started', 'Took', 'What happened'], steps.map(row))}`;
}

function lossSection({ losses }: RunSummary): string {
  if (losses.length === 0) return '';
  const rows = losses.map(({ step, evidence }) => [
    step,
    evidence.what,
    shortJson(evidence.value, longestValue),
    evidence.source,
  ]);
  return `## Loss ledger\n\n${markdownTable(['Step', 'What', 'Value', 'Source'], rows)}`;
}

function detailSection({ steps }: RunRecord): string {
  const ended = steps.filter((step) => step.outcome !== undefined);
  return ended.length === 0 ? '' : ['## Evidence, step by step', ...ended.map(stepDetail)].join('\n\n');
}

function stepDetail(step: StepRecord): string {
  const { outcome } = step;
  if (outcome === undefined) return '';
  const durations = Object.entries(outcome.durationsMs).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const lines = [
    `${outcome.status}${step.attempts > 1 ? ` after ${plural(step.attempts, 'attempt')}` : ''}; ${step.reversibility}`,
    ...outcome.details,
    ...(durations.length === 0
      ? []
      : [`Durations: ${durations.map(([name, ms]) => `${name} ${durationText(ms)}`).join(', ')}`]),
    ...(step.undo === undefined ? [] : [`Undo: ${step.undo.status}: ${step.undo.summary}`]),
  ];
  const facts = outcome.evidence.map(({ what, value, source }) => [
    what,
    shortJson(value, longestValue),
    source,
  ]);
  return [
    `### ${cell(step.id)}: ${cell(step.title)}`,
    lines.map((line) => `- ${cell(line)}`).join('\n'),
    changeTable(outcome),
    facts.length === 0 ? '' : markdownTable(['What', 'Value', 'Source'], facts),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** What a step found before and after, as far as it differs; whole where one of them is missing. */
function changeTable({ before, after }: StepOutcome): string {
  const changes = changesBetween(before, after);
  const rows = changes
    .slice(0, mostChanges)
    .map((one) => [one.where, shortJson(one.before, longestChange), shortJson(one.after, longestChange)]);
  const left = changes.length - rows.length;
  if (left > 0) rows.push([`(${left} more; all in the JSON report)`, '', '']);
  return rows.length === 0 ? '' : markdownTable(['Changed', 'Before', 'After'], rows);
}
