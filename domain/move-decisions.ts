import {
  boundTo,
  claimedEpoch,
  gatewayProblems,
  outOfTraffic,
  promisedOrUnheard,
  refusal,
  voters,
  type GatewayProblem,
} from './claim-decisions.ts';
import { excuses, isAcknowledged, judgeBarrier, type Barrier } from './gateway-barrier.ts';
import { canonicalJson } from './json.ts';
import { majorityOf } from './lease.ts';
import {
  answering,
  movedRanges,
  readingOf,
  silentGateways,
  type ObservedGateways,
} from './observed-gateways.ts';
import { fenceEpoch, openEpoch, type Stamp } from './operation.ts';
import { describeTable } from './routing.ts';
import type { Decision, StepInput } from './step.ts';
import type { MoveUnitsParameters } from './step-parameters.ts';

type Input = StepInput<MoveUnitsParameters>;

export interface FencePlan {
  readonly barrier: Barrier;
  /** Members that the rules of this claim name. */
  readonly members: readonly string[];
}

/**
 * Who must hold the fence. The membership shrinks only when what is left would be no majority of the gateways:
 * otherwise a removed gateway merely need not be waited for.
 */
export function planFence(observed: ObservedGateways, input: Input): FencePlan {
  const all = Object.keys(input.parameters.gateways).sort();
  const removed = outOfTraffic(observed, input);
  const left = voters(input.parameters, removed);
  const before = observed.base?.members ?? all;
  const members = left.length >= majorityOf(all.length) ? all : left;
  return {
    members:
      observed.ownMembers !== null && observed.ownMembers.length < members.length
        ? observed.ownMembers
        : members,
    barrier: {
      gateways: [...new Set([...all, ...before])].sort(),
      members: before,
      nextMembers: members,
      removed,
      fence: { epoch: fenceEpoch(input.operation), operation: input.operation.id },
      leaseMs: input.parameters.routing.leaseMs,
    },
  };
}

export function decideFence(observed: ObservedGateways, input: Input): Decision {
  const { operation, parameters } = input;
  const { current, wanted } = parameters;
  const moved = movedRanges(current, wanted);
  const problems = [...gatewayProblems(observed, input), ...claimProblems(observed, input)];
  if (problems.length > 0) return refusal(problems);
  const isBegun = observed.ownMembers !== null;
  const stale = isBegun ? undefined : stalePlan(observed, parameters);
  if (stale !== undefined) return { kind: 'refuse', reasons: [stale] };
  if (moved === '')
    return { kind: 'already', because: 'no bucket moves: the gateways enforce the wanted table' };
  const snapshot = { table: describeTable(current), epoch: observed.base?.epoch ?? 0 };
  const opened = answering(observed).find((gateway) => hasOpened(gateway, operation));
  if (isBegun && opened !== undefined) {
    const how = `buckets ${moved} were opened under epoch ${opened.accepted.epoch} after it`;
    return {
      kind: 'already',
      because: `the fence was passed: ${opened.gateway} has opened buckets ${moved} under epoch ${opened.accepted.epoch}`,
      snapshot,
      ...excuses(
        silentGateways(observed).map(({ gateway, silent }) => ({ gateway, how: `${how} (${silent})` })),
      ),
    };
  }
  const verdict = isBegun
    ? judgeBarrier(planFence(observed, input).barrier, observed.gateways.map(readingOf))
    : undefined;
  if (verdict?.kind === 'passed') {
    return {
      kind: 'already',
      because: `buckets ${moved} are fenced at epoch ${fenceEpoch(operation)}`,
      snapshot,
      ...excuses(verdict.excused),
    };
  }
  const count = Object.keys(parameters.gateways).length;
  return {
    kind: 'apply',
    will: [
      `refuses writes for buckets ${moved} on ${count} gateways${operation.epoch === 0 ? '' : ` at epoch ${operation.epoch}`}`,
    ],
  };
}

export function decideOpen(observed: ObservedGateways, input: Input): Decision {
  const { operation, parameters } = input;
  const { current, wanted } = parameters;
  const moved = movedRanges(current, wanted);
  const problems = [...gatewayProblems(observed, input), ...claimProblems(observed, input)];
  if (problems.length > 0) return refusal(problems);
  const there = answering(observed);
  if (moved === '') {
    const stale = stalePlan(observed, parameters);
    return stale === undefined
      ? { kind: 'already', because: 'no bucket moves: the gateways enforce the wanted table' }
      : { kind: 'refuse', reasons: [stale] };
  }
  if (operation.epoch === 0) {
    const stale = stalePlan(observed, parameters);
    if (stale !== undefined) return { kind: 'refuse', reasons: [stale] };
    return { kind: 'apply', will: [`opens buckets ${moved} once they are fenced`] };
  }
  const isOpen = (gateway: (typeof there)[number]) =>
    hasOpened(gateway, operation) && isAcknowledged(gateway);
  if (there.every(isOpen)) {
    const removed = outOfTraffic(observed, input);
    const behind = silentGateways(observed).filter(({ gateway }) => !removed.includes(gateway));
    return {
      kind: 'already',
      because: `buckets ${moved} are open at epoch ${openEpoch(operation)}`,
      leftToDo: leftByOpening(
        behind.map(({ gateway, silent }) => `gateway ${gateway} ${silent}`),
        removed,
      ),
    };
  }
  const passed = there.some((gateway) => hasOpened(gateway, operation));
  const barrier = judgeBarrier(planFence(observed, input).barrier, observed.gateways.map(readingOf));
  if (!passed && barrier.kind === 'waiting') {
    // A lease that runs out is worth waiting for; what nobody has fenced will not get fenced by waiting.
    return barrier.remainingMs === undefined
      ? { kind: 'refuse', reasons: [`buckets ${moved} are not fenced: ${barrier.for.join('; ')}`] }
      : { kind: 'wait', for: barrier.for };
  }
  return {
    kind: 'apply',
    will: [`opens buckets ${moved} at epoch ${openEpoch(operation)} on ${there.length} gateways`],
  };
}

/** What is to be done about gateways that the opening did not reach, or was not to reach. @param behind sentences */
export const leftByOpening = (behind: readonly string[], removed: readonly string[]): readonly string[] => [
  ...behind.map((one) => `${one}; still fenced, it catches up from its peers`),
  ...removed.map(
    (gateway) =>
      `gateway ${gateway} was taken out of traffic: start its agent, and move units once more to take it in`,
  ),
];

/** Its agent has accepted the opening of this operation; its proxy may still be on the way to it. */
export const hasOpened = (
  { accepted }: { readonly accepted: Stamp },
  operation: StepInput['operation'],
): boolean => accepted.operation === operation.id && accepted.epoch === openEpoch(operation);

/** The epoch must be ours at a majority, and nobody may be bound to a higher one. Nothing to say in a precheck. */
function claimProblems(observed: ObservedGateways, input: Input): readonly GatewayProblem[] {
  const { operation, parameters } = input;
  if (operation.epoch === 0) return [];
  const beaten = answering(observed).flatMap((gateway) => {
    const highest = boundTo(gateway);
    return highest !== undefined && highest.epoch > openEpoch(operation)
      ? [
          {
            text: `${gateway.gateway} is bound to epoch ${highest.epoch} of operation ${highest.operation}; ours is ${operation.epoch} of ${operation.id}`,
            mayPass: false,
          },
        ]
      : [];
  });
  if (beaten.length > 0) return beaten;
  const voting = voters(parameters, outOfTraffic(observed, input));
  if (claimedEpoch(observed.gateways, voting, operation.id) === operation.epoch) return [];
  const promises = answering(observed).map(
    ({ gateway, promised }) =>
      `${gateway} has promised epoch ${promised.epoch} to ${promised.operation || 'nobody'}`,
  );
  return [
    {
      text: `epoch ${operation.epoch} is not claimed by ${operation.id} at a majority: ${promises.join('; ')}`,
      mayPass: promisedOrUnheard(observed, voting, operation) >= majorityOf(voting.length),
    },
  ];
}

/** The plan rests on the table that was in force when it was made. */
function stalePlan(observed: ObservedGateways, { current }: MoveUnitsParameters): string | undefined {
  const { base } = observed;
  if (base === null) return undefined;
  const planned = describeTable(current);
  if (canonicalJson(base.table) === canonicalJson(planned)) return undefined;
  return `the plan is stale: it starts from ${canonicalJson(planned)}, the gateways enforce ${canonicalJson(base.table)} since epoch ${base.epoch} of operation ${base.operation || 'nobody'}; make a new plan`;
}
