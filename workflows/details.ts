import { leftOutSentences } from '../domain/left-out.ts';
import type { RunRecord, StepRecord } from '../domain/run.ts';

const longestTable = 60;
const longestCell = 160;
/** The UI draws tables without any space between the columns. */
const gap = '\u00a0\u00a0';

/** The Markdown that Temporal's UI shows as the run's current details: where it stands, and what it waits for. */
export function detailsOf(record: RunRecord): string {
  const { request, operation } = record;
  const move =
    request.from === undefined ? '' : ` from ${request.from} to ${request.to ?? 'its partner site'}`;
  const lines = [
    `**${record.outcome ?? record.phase}**: ${request.runbook}${move}, ${record.style}, ` +
      `domain ${operation.domain}${operation.epoch > 0 ? `, epoch ${operation.epoch}` : ''}`,
    ...(record.planDigest === undefined ? [] : [`Plan digest: \`${record.planDigest}\``]),
    ...(record.because ?? []).map((sentence) => `- ${cell(sentence)}`),
    ...(record.runningIn === undefined ? [] : [runningInLine(record.runningIn)]),
  ];
  return [
    lines.join('\n\n'),
    stepTable(record.steps),
    list('Left out of the plan', leftOutSentences(record)),
    list('Left to do', record.leftToDo),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const runningInLine = (workflowId: string): string =>
  `The plan runs in workflow [${workflowId}](/namespaces/{namespace}/workflows/${encodeURIComponent(workflowId)}): ` +
  `it shows the steps and takes the Updates.`;

function stepTable(steps: readonly StepRecord[]): string {
  if (steps.length === 0) return '';
  const open = steps.filter((step) => step.state !== 'finished');
  const shown = steps.length <= longestTable ? steps : open.slice(0, longestTable);
  const rows = shown.map((step) =>
    [step.id, step.state, step.outcome?.status ?? '', step.waitingFor ?? step.outcome?.summary ?? step.title]
      .map((text) => cell(text))
      .join(`${gap} | `),
  );
  const hidden = steps.length - shown.length;
  return [
    `| Step${gap} | State${gap} | Outcome${gap} | |`,
    '|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
    ...(hidden > 0 ? [`| (${hidden} more) | | | |`] : []),
  ].join('\n');
}

const list = (title: string, sentences: readonly string[]): string =>
  sentences.length === 0
    ? ''
    : [`${title}:`, ...sentences.slice(0, longestTable).map((sentence) => `- ${cell(sentence)}`)].join('\n');

function cell(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
  return line.length <= longestCell ? line : `${line.slice(0, longestCell - 1)}…`;
}
