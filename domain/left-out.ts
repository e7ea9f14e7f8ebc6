import type { ExpandContext, Expanded } from './expand-context.ts';
import type { LeftOutStep, RunRecord } from './run.ts';
import type { RunbookStep } from './schema/runbook.ts';

/** A step of the runbook and the plan steps that it stands for. */
export interface ExpandedStep {
  readonly step: RunbookStep;
  readonly targets: readonly Expanded[];
  /** What the expansion said; where there are no targets, why. */
  readonly notes: readonly string[];
}

/** Steps that stand for nothing here. They are told in the plan, so that an absent branch is seen and approved. */
export const leftOutOf = (expanded: readonly ExpandedStep[]): readonly LeftOutStep[] =>
  expanded
    .filter(({ targets }) => targets.length === 0)
    .map(({ step: { id, uses }, notes }) => ({
      id,
      kind: uses,
      because: notes.length === 0 ? 'nothing in the inventory is meant by it' : notes.join('; '),
    }));

export const describeLeftOut = (leftOut: readonly LeftOutStep[]): string =>
  leftOut.map(({ id, because }) => `${id}: ${because}`).join('; ');

/** The same for people who read a run. */
export const leftOutSentences = ({ leftOut = [] }: Pick<RunRecord, 'leftOut'>): readonly string[] =>
  leftOut.map(({ id, kind, because }) => `${id} (${kind}): ${because}`);

/** What a reader of the plan should know besides; why a step is left out stands in the plan itself. */
export function notesOf(
  expanded: readonly ExpandedStep[],
  { inventory, observed }: Pick<ExpandContext, 'inventory' | 'observed'>,
): readonly string[] {
  const isBlind = inventory.routing !== undefined && observed.routing === undefined;
  const said = expanded
    .filter(({ targets }) => targets.length > 0)
    .flatMap(({ step, notes }) => notes.map((sentence) => `${step.id}: ${sentence}`));
  return [
    ...new Set([
      ...observed.gaps,
      ...(isBlind
        ? ['no gateway told its table: the plan starts from the home buckets of the inventory']
        : []),
      ...said,
    ]),
  ];
}
