import { durationText, offsetText } from './format.ts';
import type { HistoryReport } from './from-history.ts';
import type { Mark } from './timeline.ts';
import { markdownTable, renderMarkdown } from './markdown.ts';

const wordsOf = ({ text, after, identity }: Mark): string =>
  `${text}${after === undefined ? '' : ` (after ${after})`}; sent by ${identity}`;

/** The run's Markdown with what only its history knows: the clock, the timeline with event ids, the critical path. */
export function renderHistoryMarkdown({ record, timeline, clock, gaps }: HistoryReport): string {
  const entries = [
    ...timeline.bars
      .filter((bar) => bar.kind !== 'queue' || (bar.to ?? timeline.to) - bar.from >= 100)
      .map((bar) => ({ ...bar, took: durationText((bar.to ?? timeline.to) - bar.from) })),
    ...timeline.marks.map((mark) => ({
      ...mark,
      from: mark.at,
      kind: 'decision',
      took: '',
      text: wordsOf(mark),
    })),
  ].sort((a, b) => a.from - b.from || a.event - b.event);
  const rows = entries.map((entry) => [
    offsetText(entry.from, timeline.from),
    entry.lane,
    entry.kind,
    entry.took,
    entry.text,
    entry.event === 0 ? entry.workflow : `${entry.workflow} event ${entry.event}`,
  ]);
  const sections = [
    `## Where the time went\n\n${markdownTable(
      ['', ''],
      [
        ['Whole run', durationText(clock.totalMs)],
        ['A step was at work', durationText(clock.machineMs)],
        ['Only people were waited for', durationText(clock.peopleMs)],
        ['In between (handing over, no worker)', durationText(clock.betweenMs)],
        ['Critical path', timeline.criticalPath.join(' → ') || 'none'],
      ],
    )}`,
    rows.length === 0
      ? ''
      : `## Timeline\n\n${markdownTable(['When', 'Where', 'What', 'Took', 'Words', 'Proof'], rows)}`,
    gaps.length === 0
      ? ''
      : `## What this report does not know\n\n${gaps.map((gap) => `- ${gap}`).join('\n')}`,
  ];
  return renderMarkdown(record, { peopleMs: clock.peopleMs, sections });
}
