/** Words for times and values. No locale and no Intl: the same bytes on every machine, also inside a workflow. */

/** 31 ms, 2.4 s, 3 min 05 s, 1 h 02 min. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${two(Math.floor((seconds % 3_600) / 60))} min`;
}

/** 2026-01-31 12:00:00.123 UTC */
export const timeText = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')} UTC`;

/** Offset from the start of the run: +2.4 s. */
export const offsetText = (ms: number, start: number): string => `+${durationText(Math.max(0, ms - start))}`;

/** JSON for people; what is longer than `most` characters is cut, the JSON report has all of it. */
export function shortJson(value: unknown, most: number): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= most
    ? text
    : `${text.slice(0, most)}… (${text.length} characters; all in the JSON report)`;
}

/** One line that cannot break out of a Markdown table, nor start HTML. */
export const cell = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').trim();

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
