import type { HistoryReport } from './from-history.ts';
import { summarise } from './summary.ts';

/** Everything the report knows, for machines; keys in order, so that equal reports are equal bytes. */
export function renderJson(report: HistoryReport): string {
  return `${JSON.stringify(sorted({ version: 1, summary: summarise(report.record), ...report }), null, 2)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(members.map(([key, inner]) => [key, sorted(inner)]));
}
