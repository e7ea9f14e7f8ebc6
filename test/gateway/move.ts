import { claimEpoch } from '../../activities/claim-epoch.ts';
import { runStep } from '../../activities/define-step.ts';
import { fenceUnits } from '../../activities/fence-units.ts';
import { observeRouting } from '../../activities/observe-routing.ts';
import { openUnits } from '../../activities/open-units.ts';
import type { Operation } from '../../domain/operation.ts';
import type { RoutingTable } from '../../domain/routing.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import type { MoveUnitsParameters } from '../../domain/step-parameters.ts';
import type { AccessLayer } from '../../lab/bench/access-layer.ts';
import { gatewayParameters, operation, stepInput, stepTools } from './step-tools.ts';

export type Overrides = NonNullable<StepInput['overrides']>;

/** A run of the product's own steps that moves the buckets 0-59 to a unit, step by step. */
export interface Move {
  readonly operation: Operation;
  readonly parameters: MoveUnitsParameters;
  fence(more?: Partial<StepInput<MoveUnitsParameters>>): Promise<StepOutcome>;
  open(more?: Partial<StepInput<MoveUnitsParameters>>): Promise<StepOutcome>;
}

export const tableAt = (unit: string, buckets = 100): RoutingTable =>
  Array.from({ length: buckets }, (_, bucket) => ({
    unit: bucket < buckets * 0.6 ? unit : 'west',
    state: 'open',
  }));

/** Claims; the plan starts from what the gateways enforce now. @param reached lets a test act at a named point */
export async function startMove(
  layer: AccessLayer,
  id: string,
  to: string,
  overrides?: Overrides,
  reached?: (point: string) => Promise<void>,
): Promise<Move> {
  const gateways = gatewayParameters(layer.gateways, layer.leaseMs, layer.buckets);
  const tools = stepTools(reached);
  const { routing, gaps } = await observeRouting(gateways, tools);
  if (routing === undefined) throw new Error(`nothing observed: ${gaps.join('; ')}`);
  const more = overrides === undefined ? {} : { overrides };
  const claim = await runStep(
    claimEpoch,
    stepInput('claim', operation(id), { ...gateways, databases: {}, units: [] }, more),
    tools,
  );
  const { epoch } = (claim.after ?? {}) as { epoch?: number };
  if (claim.status !== 'done' || epoch === undefined)
    throw new Error(`${id}: ${claim.status}: ${claim.summary}`);
  const ours = operation(id, epoch);
  const parameters = { ...gateways, current: routing.table, wanted: tableAt(to, layer.buckets) };
  return {
    operation: ours,
    parameters,
    fence: (extra) => runStep(fenceUnits, stepInput('fence', ours, parameters, { ...more, ...extra }), tools),
    open: (extra) => runStep(openUnits, stepInput('open', ours, parameters, { ...more, ...extra }), tools),
  };
}
