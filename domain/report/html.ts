import { leftOutSentences } from '../left-out.ts';
import type { StepRecord } from '../run.ts';
import type { StepOutcome } from '../step.ts';
import { changesBetween } from './changes.ts';
import { durationText, offsetText } from './format.ts';
import type { HistoryReport } from './from-history.ts';
import { headRows } from './head.ts';
import { reportStyle } from './html-style.ts';
import { summarise } from './summary.ts';
import type { RunSummary } from './summary.ts';
import { escapeHtml, svgTimeline } from './svg-timeline.ts';

/**
 * One file without anything from outside: no script, no font, no picture. Every text of the run is escaped; the
 * policy in its head forbids whatever an escape might ever miss.
 */
export function renderHtml(report: HistoryReport): string {
  const { record, timeline, clock } = report;
  const summary = summarise(record);
  const body = [
    `<h1>${escapeHtml(summary.title)}</h1>`,
    table([], headRows(record, summary, clock.peopleMs)),
    sentences('Why it ended like this', record.because ?? []),
    `<h2>Timeline</h2>${svgTimeline(timeline)}${legend}`,
    clockSection(report),
    decisionSection(report),
    stepSection(report),
    sentences('Left out of the plan', leftOutSentences(record)),
    lossSection(summary),
    sentences(
      'Skipped',
      summary.skipped.map((step) => `${step.id}: ${step.outcome?.summary ?? ''}`),
    ),
    sentences('Still to do', record.leftToDo),
    '<h2>Evidence, step by step</h2>',
    ...record.steps.filter((step) => step.outcome !== undefined).map(evidence),
    sentences('What this report does not know', report.gaps),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(summary.title)}</title>
<style>${reportStyle}</style>
</head>
<body>
${body.filter((part) => part !== '').join('\n')}
</body>
</html>
`;
}

const legend =
  '<p class="legend"><span class="work"></span> at work <span class="critical"></span> on the critical path ' +
  '<span class="person"></span> waits for a person <span class="queue"></span> waits for a worker ' +
  '<span class="worker-away"></span> no worker <span class="mark">◆</span> decision</p>';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: 'td' | 'th') =>
    `<tr>${row.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  const top = head.length === 0 ? '' : `<thead>${cells(head, 'th')}</thead>`;
  return `<table>${top}<tbody>${rows.map((row) => cells(row, 'td')).join('\n')}</tbody></table>`;
}

const sentences = (title: string, lines: readonly string[]): string =>
  lines.length === 0
    ? ''
    : `<h2>${escapeHtml(title)}</h2><ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`;

function clockSection({ clock, timeline }: HistoryReport): string {
  const share = (ms: number): string =>
    `${durationText(ms)} (${clock.totalMs === 0 ? 0 : Math.round((100 * ms) / clock.totalMs)} %)`;
  return `<h2>Where the time went</h2>${table(
    [],
    [
      ['Whole run', durationText(clock.totalMs)],
      ['A step was at work', share(clock.machineMs)],
      ['Only people were waited for', share(clock.peopleMs)],
      ['In between (handing over, no worker)', share(clock.betweenMs)],
      ['Critical path', timeline.criticalPath.join(' → ') || 'none'],
    ],
  )}`;
}

function decisionSection({ record, timeline }: HistoryReport): string {
  const start = ['+0 ms', record.request.by ?? 'not said', 'start', record.request.reason ?? '', '', ''];
  const decided = record.decisions.map(({ at, by, action, step, reason }) => [
    offsetText(at, record.startedAt),
    by,
    step === undefined ? action : `${action} ${step}`,
    reason,
    ...proofOf(at, by, timeline),
  ]);
  return `<h2>Decisions</h2>${table(['When', 'Who', 'What', 'Why', 'It rested on', 'Proof'], [start, ...decided])}`;
}

/** The Update of a decision: same person, nearest in time (the workflow's clock runs a little behind the event's). */
function proofOf(at: number, by: string, { marks }: HistoryReport['timeline']): readonly [string, string] {
  const own = marks.filter((mark) => mark.by === by);
  const [nearest] = own.toSorted((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at));
  return nearest === undefined
    ? ['', '']
    : [nearest.after ?? '', `${nearest.workflow} event ${nearest.event}, sent by ${nearest.identity}`];
}

function stepSection({ record, timeline }: HistoryReport): string {
  const rows = record.steps.map((step) => [
    step.id,
    step.outcome?.status ?? step.state,
    step.startedAt === undefined ? '' : offsetText(step.startedAt, record.startedAt),
    step.startedAt === undefined || step.endedAt === undefined
      ? ''
      : durationText(step.endedAt - step.startedAt),
    step.waitingFor ?? step.outcome?.summary ?? step.title,
    timeline.bars.findLast((bar) => bar.lane === step.id && bar.kind === 'work')?.event.toString() ?? '',
  ]);
  return `<h2>Steps</h2>${table(['Step', 'Outcome', 'Started', 'Took', 'What happened', 'Event'], rows)}`;
}

function lossSection({ losses }: RunSummary): string {
  if (losses.length === 0) return '';
  const rows = losses.map(({ step, evidence: { what, value, source } }) => [
    step,
    what,
    JSON.stringify(value),
    source,
  ]);
  return `<h2>Loss ledger</h2>${table(['Step', 'What', 'Value', 'Source'], rows)}`;
}

function evidence(step: StepRecord): string {
  const { outcome } = step;
  if (outcome === undefined) return '';
  const durations = Object.entries(outcome.durationsMs).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const rows = [
    ...outcome.evidence.map(({ what, value, source }) => [what, JSON.stringify(value), source]),
    ...durations.map(([name, ms]) => [`duration ${name}`, durationText(ms), '']),
  ];
  const details =
    outcome.details.length === 0
      ? ''
      : `<ul>${outcome.details.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`;
  const undo =
    step.undo === undefined ? '' : `<p>Undo: ${escapeHtml(`${step.undo.status}: ${step.undo.summary}`)}</p>`;
  return (
    `<details><summary>${escapeHtml(`${step.id}: ${outcome.status}: ${outcome.summary}`)}</summary>` +
    `<p>${escapeHtml(`${step.title}; ${step.reversibility}; attempts: ${step.attempts}`)}</p>` +
    `${details}${undo}${changes(outcome)}${rows.length === 0 ? '' : table(['What', 'Value', 'Source'], rows)}</details>`
  );
}

/** What the step changed, and below it, for whoever doubts it, all that was seen. */
function changes({ before, after }: StepOutcome): string {
  const rows = changesBetween(before, after).map((one) => [
    one.where,
    JSON.stringify(one.before),
    JSON.stringify(one.after),
  ]);
  const seen = [
    ['before', JSON.stringify(before)],
    ['after', JSON.stringify(after)],
  ];
  return (
    (rows.length === 0 ? '' : table(['Changed', 'Before', 'After'], rows)) +
    `<details><summary>all that was seen before and after</summary>${table([], seen)}</details>`
  );
}
