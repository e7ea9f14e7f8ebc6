import { isAcknowledged } from '../domain/gateway-barrier.ts';
import { decideOpen, hasOpened, leftByOpening, planFence } from '../domain/move-decisions.ts';
import { answering, movedRanges, type ObservedGateways } from '../domain/observed-gateways.ts';
import { openEpoch } from '../domain/operation.ts';
import { stampRules } from '../domain/rules-digest.ts';
import type { MoveUnitsParameters } from '../domain/step-parameters.ts';
import type { StepKind } from './define-step.ts';
import { withGateways } from './gateways.ts';
import { observeGateways } from './observe-gateways.ts';
import { spreadRules } from './spread-rules.ts';

/**
 * The fenced buckets go to their new unit. The way back ends here: from the first gateway on, the new unit accepts
 * writes. A gateway that is not reached stays fenced and catches up from its peers.
 */
export const openUnits: StepKind<MoveUnitsParameters, ObservedGateways> = {
  kind: 'openUnits',
  observe: (input, tools) =>
    withGateways(input.parameters, tools, (gateways) => observeGateways(gateways, input.operation)),
  decide: decideOpen,

  apply: (input, observed, tools) =>
    withGateways(input.parameters, tools, async (gateways) => {
      const { operation, parameters } = input;
      const { members, barrier } = planFence(observed, input);
      const rules = stampRules({
        domain: operation.domain,
        operation: operation.id,
        epoch: openEpoch(operation),
        members,
        table: parameters.wanted,
      });
      await tools.reached('openUnits:before-rules');
      const inTraffic = gateways.filter((gateway) => !barrier.removed.includes(gateway.name));
      const { missing } = await spreadRules(inTraffic, rules, tools);
      await tools.reached('openUnits:after-rules');
      const leftToDo = leftByOpening(missing, barrier.removed);
      return leftToDo.length === 0 ? {} : { leftToDo };
    }),

  verify: (input, tools) =>
    withGateways(input.parameters, tools, async (gateways) => {
      const { operation, parameters } = input;
      const observed = await observeGateways(gateways, operation);
      const accepting = answering(observed).filter((gateway) => hasOpened(gateway, operation));
      const there = accepting.filter(isAcknowledged);
      const moved = movedRanges(parameters.current, parameters.wanted);
      const count = Object.keys(parameters.gateways).length;
      const units = [
        ...new Set(
          parameters.wanted.flatMap((rule, bucket) =>
            rule.unit === parameters.current[bucket]?.unit ? [] : [rule.unit],
          ),
        ),
      ];
      return {
        ok: there.length > 0,
        isComing: accepting.length > 0,
        observed,
        summary:
          there.length > 0
            ? `buckets ${moved} open${units.length === 0 ? '' : ` at ${units.sort().join(', ')}`}, epoch ${openEpoch(operation)}, on ${there.length} of ${count} gateways`
            : `no gateway serves epoch ${openEpoch(operation)} on all its workers`,
      };
    }),
};
