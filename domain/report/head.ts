import type { RunRecord } from '../run.ts';
import { durationText, plural, timeText } from './format.ts';
import type { RunSummary } from './summary.ts';

type Row = readonly [name: string, value: string];

/** The head of every report: who, why, how it ended, and the figures. @param peopleMs where a history knows better */
export function headRows(record: RunRecord, summary: RunSummary, peopleMs?: number): readonly Row[] {
  const { request, operation, startedAt, endedAt } = record;
  const mode = request.mode === 'real' ? 'real' : 'precheck (nothing was changed)';
  const waited =
    peopleMs === undefined
      ? `${durationText(summary.peopleMs)}${parkedNote(record)}`
      : durationText(peopleMs);
  const rows: (Row | false)[] = [
    ['Outcome', record.outcome ?? `not ended: ${record.phase}`],
    ['Mode', `${mode}, ${record.style}${request.drill === true ? ', drill' : ''}`],
    ['Asked by', request.by ?? 'not said'],
    ['Reason', request.reason ?? 'not given'],
    ['Operation', operation.id],
    ['Failover domain', operation.domain],
    operation.epoch > 0 && ['Epoch', `${operation.epoch} (fence), ${operation.epoch + 1} (open)`],
    ['Started', timeText(startedAt)],
    endedAt !== undefined && ['Ended', `${timeText(endedAt)} (${durationText(endedAt - startedAt)})`],
    ['Waited for people', waited],
    ...spanRows(summary),
    ['Steps', summary.counts.map(({ status, count }) => `${count} ${status}`).join(', ') || 'none ended'],
    record.planDigest !== undefined && ['Plan digest (SHA-256)', record.planDigest],
  ];
  return rows.filter((row): row is Row => row !== false);
}

function spanRows({ writeGap, decisionToFirstWrite }: RunSummary): readonly Row[] {
  return [
    ...(writeGap === undefined
      ? []
      : [['Write gap of the moved users', `${durationText(writeGap.ms)} (${writeGap.basis})`] as const]),
    ...(decisionToFirstWrite === undefined
      ? []
      : [
          [
            'Decision to first write',
            `${durationText(decisionToFirstWrite.ms)} (${decisionToFirstWrite.basis})`,
          ] as const,
        ]),
  ];
}

/** The record keeps only the last end of a step: how long it stood parked before, the history alone knows. */
function parkedNote({ decisions }: RunRecord): string {
  const answers = decisions.filter(({ action }) =>
    ['retry', 'force', 'accept', 'skip'].includes(action),
  ).length;
  return answers === 0
    ? ''
    : `, and ${plural(answers, 'time')} on a parked step (see the report from the history)`;
}
