import {
  boundTo,
  claimedEpoch,
  decideClaim,
  nextClaim,
  promisedOrUnheard,
  removedGateways,
  voters,
} from '../domain/claim-decisions.ts';
import type { ObservedClaim } from '../domain/claim-decisions.ts';
import { majorityOf } from '../domain/lease.ts';
import { answering } from '../domain/observed-gateways.ts';
import type { Stamp } from '../domain/operation.ts';
import type { StepInput } from '../domain/step.ts';
import type { ClaimEpochParameters } from '../domain/step-parameters.ts';
import { StepRefused, type StepKind } from './define-step.ts';
import { gatherAnswers } from './gather-answers.ts';
import { GatewayRefused, withGateways, type GatewayClient } from './gateways.ts';
import { observeGateways } from './observe-gateways.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<ClaimEpochParameters>;

interface Ballot {
  readonly promised: readonly string[];
  /** Nothing heard, or not yet able to promise anything; in words. */
  readonly silent: readonly string[];
  /** Bound to an epoch that is not below the one that was asked for. */
  readonly refused: readonly GatewayRefused[];
}

/**
 * Claims the next epoch by a ballot over the gateways: each promises, on disk, to take nothing lower any more. No
 * traffic changes. The claimed epoch is `after.epoch`; the fence is written under it, the opening under the next.
 */
export const claimEpoch: StepKind<ClaimEpochParameters, ObservedClaim> = {
  kind: 'claimEpoch',
  observe: (input, tools) => withGateways(input.parameters, tools, (gateways) => observe(gateways, input)),
  decide: decideClaim,

  apply: (input, observed, tools) =>
    withGateways(input.parameters, tools, async (gateways) => {
      const voting = voters(input.parameters, removedGateways(input));
      const asked = gateways.filter((gateway) => voting.includes(gateway.name));
      const seen = answering(observed).map((gateway) => boundTo(gateway)?.epoch ?? 0);
      const { floorEpoch = 0 } = input.parameters;
      let epoch = ownPromise(observed, input) ?? nextClaim([...seen, floorEpoch]);
      let ballot = await vote(asked, epoch, input, tools);
      if (ballot.refused.length > 0 && ballot.promised.length < majorityOf(voting.length)) {
        // Somebody claimed between our look and our vote, or a gateway that was silent then knows of a later claim.
        epoch = nextClaim([epoch, ...ballot.refused.map((refusal) => refusal.highest.epoch)]);
        ballot = await vote(asked, epoch, input, tools);
      }
      refuseUnlessWon(ballot, voting, epoch, input);
      return {
        evidence: [
          { what: 'gateways that promised', value: [...ballot.promised], source: 'gateway agents' },
          ...(ballot.silent.length === 0
            ? []
            : [
                { what: 'gateways that did not answer', value: [...ballot.silent], source: 'gateway agents' },
              ]),
        ],
      };
    }),

  verify: (input, tools) =>
    withGateways(input.parameters, tools, async (gateways) => {
      const observed = await observe(gateways, input);
      const voting = voters(input.parameters, removedGateways(input));
      const { domain, id } = input.operation;
      const holders = answering(observed).filter(
        ({ promised }) => promised.epoch === observed.epoch && promised.operation === id,
      );
      const epoch = ownPromise(observed, input) ?? 0;
      return {
        ok: observed.epoch > 0,
        isComing:
          epoch > 0 && promisedOrUnheard(observed, voting, { id, epoch }) >= majorityOf(voting.length),
        observed,
        summary:
          observed.epoch > 0
            ? `epoch ${observed.epoch} of ${domain} claimed: ${holders.length} of ${voting.length} gateways promised`
            : `no epoch of ${domain} is promised to ${id} by a majority of ${voting.join(', ')}${overtakenBy(observed, id)}`,
      };
    }),
};

async function observe(gateways: readonly GatewayClient[], input: Input): Promise<ObservedClaim> {
  const { operation, parameters } = input;
  const observed = await observeGateways(gateways, operation);
  const voting = voters(parameters, removedGateways(input));
  return { ...observed, epoch: claimedEpoch(observed.gateways, voting, operation.id) };
}

function overtakenBy(observed: ObservedClaim, own: string): string {
  const others = answering(observed)
    .map(boundTo)
    .filter((stamp) => stamp !== undefined && stamp.operation !== own)
    .sort((a, b) => (b?.epoch ?? 0) - (a?.epoch ?? 0));
  const [highest] = others;
  return highest === undefined
    ? ''
    : `: operation ${highest.operation || 'nobody'} holds epoch ${highest.epoch}`;
}

/** An earlier attempt of ours that was not finished, and that nobody has overtaken. */
function ownPromise(observed: ObservedClaim, { operation, parameters }: Input): number | undefined {
  const stamps = answering(observed).map((gateway) => gateway.promised);
  const own = Math.max(0, ...stamps.filter((one) => one.operation === operation.id).map((one) => one.epoch));
  const highest = Math.max(...answering(observed).map((gateway) => boundTo(gateway)?.epoch ?? 0));
  return own > (parameters.floorEpoch ?? 0) && highest <= own + 1 ? own : undefined;
}

async function vote(
  gateways: readonly GatewayClient[],
  epoch: number,
  { operation }: Input,
  tools: StepTools,
): Promise<Ballot> {
  await tools.reached('claimEpoch:before-promise');
  const { domain, id } = operation;
  const answers = await gatherAnswers(gateways, async (gateway) => {
    try {
      await gateway.promise({ domain, epoch, operation: id });
      return { promised: gateway.name };
    } catch (error) {
      if (!(error instanceof GatewayRefused)) throw error;
      // One that has just lost its state is bound to nothing, and waits until it has heard from its peers.
      return error.highest.epoch < epoch
        ? { gateway: gateway.name, silent: `refuses: ${error.message}` }
        : { refused: error };
    }
  });
  await tools.reached('claimEpoch:after-promise');
  return {
    promised: answers.flatMap((answer) => ('promised' in answer ? [answer.promised] : [])).sort(),
    silent: answers.flatMap((answer) => ('silent' in answer ? [`${answer.gateway} ${answer.silent}`] : [])),
    refused: answers.flatMap((answer) => ('refused' in answer ? [answer.refused] : [])),
  };
}

function refuseUnlessWon(
  ballot: Ballot,
  voting: readonly string[],
  epoch: number,
  { operation }: Input,
): void {
  const { promised, silent, refused } = ballot;
  if (promised.length >= majorityOf(voting.length)) return;
  // Nobody was against it: the next attempt looks again, and says what to do when they stay silent.
  if (refused.length === 0)
    throw new Error(
      `epoch ${epoch} of ${operation.domain}: ${promised.length} of ${voting.length} gateways promised; ${silent.join('; ')}`,
    );
  const holder = refused
    .map((refusal) => refusal.highest)
    .reduce<Stamp | undefined>((a, b) => (a === undefined || b.epoch > a.epoch ? b : a), undefined);
  throw new StepRefused([
    `epoch ${epoch} of ${operation.domain} was not promised to ${operation.id} by a majority: ${promised.length} of ${voting.length} gateways promised`,
    ...(holder === undefined
      ? []
      : [
          `operation ${holder.operation || 'nobody'} holds epoch ${holder.epoch} and is claiming at this moment`,
        ]),
    ...silent,
    ...refused.map((refusal) => `${refusal.gateway}: ${refusal.message}`),
  ]);
}
