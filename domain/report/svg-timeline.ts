import { durationText, offsetText } from './format.ts';
import type { Bar, Timeline } from './timeline.ts';

const width = 1000;
const labels = 220;
const row = 24;
const top = 28;
const chart = width - labels - 20;

/** Text that cannot leave its element, nor an attribute. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

/**
 * The run as a waterfall: a line for each step, work and waits in different fills, decisions as diamonds on the same
 * axis, the critical path in bold. Written by hand, so that the same history gives the same bytes.
 */
export function svgTimeline(timeline: Timeline): string {
  const lanes = lanesOf(timeline);
  const height = top + lanes.length * row + 10;
  const x = scale(timeline);
  const y = (lane: string): number => top + lanes.indexOf(lane) * row;
  const parts = [
    ...ticks(timeline).map((ms) => tick(ms, x(timeline.from + ms), height)),
    ...lanes.map((lane) => label(lane, y(lane), timeline.criticalPath.includes(lane))),
    ...timeline.bars.map((bar) => rectangle(bar, x, y(bar.lane), timeline)),
    ...timeline.marks.map((mark) => {
      const [cx, cy] = [x(mark.at), y(mark.lane) + row / 2];
      const words = `${offsetText(mark.at, timeline.from)} ${mark.text} (${mark.identity}; event ${mark.event})`;
      return `<path class="mark" d="M${fixed(cx)} ${cy - 6}l6 6l-6 6l-6 -6z"><title>${escapeHtml(words)}</title></path>`;
    }),
  ];
  return [
    `<svg class="timeline" viewBox="0 0 ${width} ${height}" role="img" aria-label="Timeline of the run" ` +
      'xmlns="http://www.w3.org/2000/svg">',
    ...parts,
    '</svg>',
  ].join('\n');
}

const fixed = (value: number): string => (Math.round(value * 10) / 10).toString();

/** In the order of first appearance. */
const lanesOf = ({ bars, marks }: Timeline): readonly string[] => [
  ...new Set([...bars.map((bar) => bar.lane), ...marks.map((mark) => mark.lane)]),
];

function scale({ from, to }: Timeline): (at: number) => number {
  const span = Math.max(1, to - from);
  return (at) => labels + (Math.min(Math.max(at, from), to) - from) * (chart / span);
}

/** At most ten, at round distances. */
function ticks({ from, to }: Timeline): readonly number[] {
  const span = Math.max(1, to - from);
  const steps = [1, 2, 5].flatMap((digit) => Array.from({ length: 9 }, (_, power) => digit * 10 ** power));
  const distance = steps.toSorted((a, b) => a - b).find((step) => span / step <= 10) ?? span;
  return Array.from({ length: Math.floor(span / distance) + 1 }, (_, index) => index * distance);
}

const tick = (ms: number, x: number, height: number): string =>
  `<line class="tick" x1="${fixed(x)}" y1="${top - 6}" x2="${fixed(x)}" y2="${height - 6}"/>` +
  `<text class="tick" x="${fixed(x)}" y="${top - 12}" text-anchor="middle">${escapeHtml(durationText(ms))}</text>`;

const label = (lane: string, y: number, isCritical: boolean): string =>
  `<text class="lane${isCritical ? ' critical' : ''}" x="${labels - 10}" y="${y + row / 2 + 4}" ` +
  `text-anchor="end">${escapeHtml(lane.length > 30 ? `${lane.slice(0, 29)}…` : lane)}</text>`;

function rectangle(bar: Bar, x: (at: number) => number, y: number, timeline: Timeline): string {
  const to = bar.to ?? timeline.to;
  const wide = Math.max(x(to) - x(bar.from), bar.kind === 'queue' ? 0 : 2); // what took no time is still to be seen
  const isCritical = timeline.criticalPath.includes(bar.lane) && bar.kind === 'work';
  const words = `${offsetText(bar.from, timeline.from)} ${bar.text} (${durationText(to - bar.from)}; ${bar.workflow} event ${bar.event})`;
  const high = bar.kind === 'queue' ? 4 : row - 10;
  return (
    `<rect class="${bar.kind.replace(' ', '-')}${isCritical ? ' critical' : ''}" x="${fixed(x(bar.from))}" ` +
    `y="${y + (row - high) / 2}" width="${fixed(wide)}" height="${high}"><title>${escapeHtml(words)}</title></rect>`
  );
}
