import type { Decision, StepInput } from '../step.ts';
import type { PoolObserved } from './nodes.ts';
import type { ScaleOutNodesParameters } from './parameters.ts';

/** Nodes are only ever added here: a pool that has more than the plan wants keeps them. */
export function decideScale(
  observed: PoolObserved,
  { parameters, style, mode }: Pick<StepInput<ScaleOutNodesParameters>, 'parameters' | 'style' | 'mode'>,
): Decision {
  const { pool, wanted, asked, maximum, ready, shortages, former } = observed;
  const where = `${parameters.clusterName}/${pool}`;
  const reasons = [
    ...(maximum !== null && wanted > maximum
      ? [`nodes of ${where}: wanted are ${wanted}, the quota is ${maximum}`]
      : []),
    ...(style === 'forced' ? [] : shortages),
  ];
  // Repeated after its work was done it must not fail over what has been started on the nodes since.
  const isOver = isScaled(observed) && (mode !== 'precheck' || reasons.length === 0);
  if (reasons.length > 0 && !isOver) return { kind: 'refuse', reasons };
  if (isOver) {
    const because = `${where}: ${ready} nodes are ready, wanted are ${wanted}`;
    return { kind: 'already', because, ...(former === null ? {} : { snapshot: former }) };
  }
  const from = asked === null ? '' : ` from ${asked}`;
  return { kind: 'apply', will: [`${where}: scale${from} to ${wanted} nodes, ${ready} are ready`] };
}

export const isScaled = ({ ready, wanted, asked }: PoolObserved): boolean =>
  ready >= wanted && (asked === null || asked >= wanted);
