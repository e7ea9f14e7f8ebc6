import { claimOf } from './gateway-decisions.ts';
import { majorityOf } from './lease.ts';
import {
  answering,
  silentSentences,
  type ObservedGateway,
  type ObservedGateways,
} from './observed-gateways.ts';
import type { Operation, Stamp } from './operation.ts';
import type { Decision, StepInput } from './step.ts';
import type { ClaimEpochParameters, GatewayParameters } from './step-parameters.ts';

export type ObservedClaim = ObservedGateways & {
  /** The epoch that a majority has promised to this operation; 0 while there is none. */
  readonly epoch: number;
};

/** Gateways that an operator has declared out of traffic: "gw-1,gw-2". */
export function removedGateways(input: Pick<StepInput, 'overrides'>): readonly string[] {
  const text = input.overrides?.['removedGateways'] ?? '';
  return text
    .split(/[\s,]+/)
    .filter((name) => name !== '')
    .sort();
}

/** Those, and whoever is no member any more by rules that this operation has sent before. */
export function outOfTraffic(
  { ownMembers }: Pick<ObservedGateways, 'ownMembers'>,
  input: Pick<StepInput<GatewayParameters>, 'overrides' | 'parameters'>,
): readonly string[] {
  const dropped =
    ownMembers === null
      ? []
      : Object.keys(input.parameters.gateways).filter((gateway) => !ownMembers.includes(gateway));
  return [...new Set([...removedGateways(input), ...dropped])].sort();
}

/** Who votes: the gateways of the inventory without those taken out. */
export const voters = (parameters: GatewayParameters, removed: readonly string[]): readonly string[] =>
  Object.keys(parameters.gateways)
    .filter((gateway) => !removed.includes(gateway))
    .sort();

/** The lowest claim above everything that was seen. */
export const nextClaim = (seen: readonly number[]): number => claimOf(Math.max(0, ...seen)) + 2;

/** The highest stamp that a gateway is bound to. */
export const boundTo = (gateway: ObservedGateway): Stamp | undefined => {
  if ('silent' in gateway) return undefined;
  return gateway.accepted.epoch > gateway.promised.epoch ? gateway.accepted : gateway.promised;
};

/** The claim of this operation that a majority of the voters has promised; 0 when there is none. */
export function claimedEpoch(
  gateways: readonly ObservedGateway[],
  voters: readonly string[],
  operation: string,
): number {
  const promised = gateways
    .filter((gateway) => voters.includes(gateway.gateway))
    .flatMap((gateway) => ('silent' in gateway ? [] : [gateway.promised]));
  const own = Math.max(0, ...promised.filter((one) => one.operation === operation).map((one) => one.epoch));
  const holders = promised.filter((one) => one.operation === operation && one.epoch === own);
  return own > 0 && holders.length >= majorityOf(voters.length) ? own : 0;
}

/** How many have promised this claim, or may have: one that is silent, or has lost its state for the moment. */
export const promisedOrUnheard = (
  { gateways }: ObservedGateways,
  voting: readonly string[],
  { id, epoch }: Pick<Operation, 'id' | 'epoch'>,
): number =>
  gateways.filter(
    (one) =>
      voting.includes(one.gateway) &&
      ('silent' in one || !one.joined || (one.promised.operation === id && one.promised.epoch === epoch)),
  ).length;

export interface GatewayProblem {
  readonly text: string;
  /** An agent or a network that is only restarting would look like this. */
  readonly mayPass: boolean;
}

export const refusal = (problems: readonly GatewayProblem[]): Decision => ({
  kind: 'refuse',
  reasons: problems.map(({ text }) => text),
  mayPass: problems.every(({ mayPass }) => mayPass),
});

const lasting = (text: string): GatewayProblem => ({ text, mayPass: false });
const passing = (text: string): GatewayProblem => ({ text, mayPass: true });

/** What the gateways' side speaks against, whatever the step. */
export function gatewayProblems(
  observed: ObservedGateways,
  input: Pick<StepInput<GatewayParameters>, 'overrides' | 'parameters'>,
): readonly GatewayProblem[] {
  const { parameters } = input;
  const removed = outOfTraffic(observed, input);
  const names = Object.keys(parameters.gateways);
  if (names.length === 0) return [lasting('the inventory has no gateways')];
  const unknown = removed.filter((gateway) => !names.includes(gateway));
  if (unknown.length > 0) {
    return [lasting(`removedGateways: expected some of ${names.join(', ')}, seen ${unknown.join(', ')}`)];
  }
  const voting = voters(parameters, removed);
  const there = answering(observed).filter((gateway) => voting.includes(gateway.gateway));
  const needed = majorityOf(voting.length);
  const problems: GatewayProblem[] = [];
  if (there.length < needed || voting.length === 0) {
    const silent = silentSentences(observed.gateways.filter((one) => voting.includes(one.gateway)));
    problems.push(
      passing(
        `${there.length} of ${voting.length} gateways answer, ${needed} are needed: ${silent.join('; ')}; gateways that are out of traffic for good are named by the override removedGateways`,
      ),
    );
  }
  for (const gateway of there) {
    const { leaseMs } = parameters.routing;
    if (gateway.leaseMs !== leaseMs) {
      problems.push(
        lasting(
          `${gateway.gateway}: its lease is ${gateway.leaseMs} ms, the inventory says ${leaseMs} ms: waiting times would be wrong`,
        ),
      );
    }
    const strangers = gateway.gateways.filter((one) => !names.includes(one));
    const missing = names.filter((one) => !gateway.gateways.includes(one));
    if (strangers.length > 0 || missing.length > 0) {
      problems.push(
        lasting(
          `${gateway.gateway} is configured with the gateways ${gateway.gateways.join(', ')}, the inventory says ${names.sort().join(', ')}`,
        ),
      );
    }
    if (!gateway.joined) {
      problems.push(
        passing(`${gateway.gateway} has no state yet: it waits until it has heard from every peer`),
      );
    }
  }
  return problems;
}

export function decideClaim(observed: ObservedClaim, input: StepInput<ClaimEpochParameters>): Decision {
  const problems = gatewayProblems(observed, input);
  if (problems.length > 0) return refusal(problems);
  const { operation, style, parameters } = input;
  const there = answering(observed);
  const above = there.find((gateway) => (boundTo(gateway)?.epoch ?? 0) > observed.epoch + 1);
  if (observed.epoch > 0 && above === undefined) {
    return {
      kind: 'already',
      because: `epoch ${observed.epoch} of ${operation.domain} is claimed by ${operation.id}`,
    };
  }
  const unfinished = there.find(
    ({ accepted }) => accepted.fenced !== '' && accepted.operation !== operation.id && accepted.epoch > 1,
  );
  if (unfinished !== undefined && style === 'graceful') {
    const { accepted, gateway } = unfinished;
    return {
      kind: 'refuse',
      reasons: [
        `operation ${accepted.operation} holds epoch ${accepted.epoch} with buckets ${accepted.fenced} fenced (${gateway}): let it finish or abort it, or force this step to take over`,
      ],
    };
  }
  if (observed.epoch > 0 && above !== undefined && style === 'graceful') {
    const holder = boundTo(above);
    return {
      kind: 'refuse',
      reasons: [
        `epoch ${observed.epoch} was claimed by ${operation.id}, but operation ${holder?.operation} has claimed epoch ${holder?.epoch} since (${above.gateway}): force this step to claim a higher one`,
      ],
    };
  }
  const epoch = nextClaim([...there.map((one) => boundTo(one)?.epoch ?? 0), parameters.floorEpoch ?? 0]);
  return {
    kind: 'apply',
    will: [`claims epoch ${epoch} of ${operation.domain} at ${there.length} gateways`],
  };
}
