import { leftOutSentences } from '../domain/left-out.ts';
import type { RunRecord, StepRecord } from '../domain/run.ts';

const marks: { readonly [status: string]: string } = {
  planned: '→',
  already: '=',
  refused: '✗',
  waiting: '…',
  unknown: '?',
  failed: '✗',
};

/**
 * The steps of a checked plan as a tree. A step hangs under the step that it waits for longest; what else it waits for
 * is named, so that the picture stays a tree although the plan is a graph. What stands for nothing here comes last.
 */
export function planTree(record: RunRecord): readonly string[] {
  const { steps } = record;
  const depths = new Map<string, number>();
  const depthOf = (step: StepRecord): number => {
    const known = depths.get(step.id);
    if (known !== undefined) return known;
    const needed = steps.filter((other) => step.needs.includes(other.id)).map(depthOf);
    const depth = needed.length === 0 ? 0 : Math.max(...needed) + 1;
    depths.set(step.id, depth);
    return depth;
  };
  for (const step of steps) depthOf(step);
  const parentOf = (step: StepRecord): string | undefined =>
    step.needs.toSorted((a, b) => (depths.get(b) ?? 0) - (depths.get(a) ?? 0))[0];
  const draw = (parent: string | undefined, indent: string): readonly string[] => {
    const children = steps.filter((step) => parentOf(step) === parent);
    return children.flatMap((step, index) => {
      const isLast = index === children.length - 1;
      const branch = parent === undefined ? '' : isLast ? '└─ ' : '├─ ';
      const below = parent === undefined ? '' : isLast ? '   ' : '│  ';
      const details = planDetails(step, parent).map((detail) => `${indent}${below}     ${detail}`);
      return [`${indent}${branch}${headline(step)}`, ...details, ...draw(step.id, indent + below)];
    });
  };
  return [...draw(undefined, ''), ...leftOutSentences(record).map((sentence) => `· left out: ${sentence}`)];
}

function headline(step: StepRecord): string {
  const status = step.outcome?.status ?? step.state;
  const commitment = step.reversibility === 'point-of-no-return' ? ' [point of no return]' : '';
  return `${marks[status] ?? '·'} ${step.id}: ${step.title}${commitment}`;
}

/** What the step would do, or why it would not. */
function planDetails(step: StepRecord, parent: string | undefined): readonly string[] {
  const { outcome } = step;
  const also = step.needs.filter((need) => need !== parent);
  const words =
    outcome === undefined
      ? ['not looked at']
      : outcome.details.length > 0
        ? outcome.details.map(
            (detail) => `${outcome.status === 'planned' ? 'would' : outcome.status}: ${detail}`,
          )
        : [`${outcome.status === 'already' ? 'already so' : outcome.status}: ${outcome.summary}`];
  return [...words, ...(also.length === 0 ? [] : [`after ${fewOf(also)}, too`])];
}

/** A step that waits for dozens of hosts would fill the screen with their names. */
const fewOf = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
