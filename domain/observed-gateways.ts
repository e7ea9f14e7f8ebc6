import type { GatewayReading } from './gateway-barrier.ts';
import type { GatewayState } from './gateway-protocol.ts';
import type { Operation, Stamp } from './operation.ts';
import { claimOf } from './gateway-decisions.ts';
import { changedBuckets, describeTable, type StampedRules } from './routing.ts';
import { rangesOf } from './bucket-ranges.ts';

/** A gateway as steps see it and outcomes keep it: plain data, tables in words. */
export type ObservedGateway =
  | { readonly gateway: string; readonly silent: string }
  | {
      readonly gateway: string;
      readonly bootId: string;
      readonly joined: boolean;
      readonly promised: { readonly epoch: number; readonly operation: string };
      readonly accepted: {
        readonly epoch: number;
        readonly operation: string;
        readonly digest: string;
        readonly members: readonly string[];
        /** Buckets that refuse writes, e.g. "0-59"; empty when none does. */
        readonly fenced: string;
      };
      readonly acceptedForMs: number;
      readonly leaseMs: number;
      readonly gateways: readonly string[];
      readonly workers: readonly { readonly pid: number; readonly epoch: number; readonly digest: string }[];
      readonly proxyError?: string;
      readonly notRenewing?: string;
    };
export type AnsweringGateway = Exclude<ObservedGateway, { readonly silent: string }>;

/** Rules as outcomes keep them. */
export type DescribedRules = {
  readonly epoch: number;
  readonly operation: string;
  readonly members: readonly string[];
  readonly table: { readonly [rule: string]: string };
};

export type ObservedGateways = {
  readonly gateways: readonly ObservedGateway[];
  /** The highest rules that are not of the observer's own claim: what it starts from. Absent when all are its own. */
  readonly base: DescribedRules | null;
  /** The members named by rules of the observer's own claim; the fewest, when an operator has taken some out. */
  readonly ownMembers: readonly string[] | null;
};

export const isAnswering = (gateway: ObservedGateway): gateway is AnsweringGateway => !('silent' in gateway);

export const answering = ({ gateways }: { readonly gateways: readonly ObservedGateway[] }) =>
  gateways.filter(isAnswering);

export const silentGateways = ({ gateways }: { readonly gateways: readonly ObservedGateway[] }) =>
  gateways.flatMap((one) => ('silent' in one ? [one] : []));

/** "gw-2 does not answer (connect ECONNREFUSED)". */
export const silentSentences = (gateways: readonly ObservedGateway[]): readonly string[] =>
  gateways.flatMap((one) => ('silent' in one ? [`${one.gateway} ${one.silent}`] : []));

export const describeRules = ({ epoch, operation, members, table }: StampedRules): DescribedRules => ({
  epoch,
  operation,
  members,
  table: describeTable(table),
});

export function describeGateway(state: GatewayState): ObservedGateway {
  const { accepted } = state;
  const fenced = accepted.table.flatMap((rule, bucket) => (rule.state === 'fenced' ? [bucket] : []));
  return {
    gateway: state.gateway,
    bootId: state.bootId,
    joined: state.joined,
    promised: state.promised,
    accepted: {
      epoch: accepted.epoch,
      operation: accepted.operation,
      digest: accepted.digest,
      members: accepted.members,
      fenced: rangesOf(fenced),
    },
    acceptedForMs: state.acceptedForMs,
    leaseMs: state.leaseMs,
    gateways: state.gateways,
    workers: state.workers.map(({ pid, epoch, digest }) => ({ pid, epoch, digest })),
    ...(state.proxyError === undefined ? {} : { proxyError: state.proxyError }),
    ...(state.notRenewing === undefined ? {} : { notRenewing: state.notRenewing }),
  };
}

/** What the barrier looks at. */
export const readingOf = (gateway: ObservedGateway): GatewayReading =>
  'silent' in gateway
    ? gateway
    : {
        gateway: gateway.gateway,
        accepted: gateway.accepted,
        acceptedForMs: gateway.acceptedForMs,
        workers: gateway.workers,
        ...(gateway.proxyError === undefined ? {} : { proxyError: gateway.proxyError }),
      };

/** Puts what the gateways said together, as seen by an operation. */
export function observedGateways(
  answers: readonly (GatewayState | { readonly gateway: string; readonly silent: string })[],
  operation: Pick<Operation, 'id' | 'epoch'>,
): ObservedGateways {
  const rules = answers.flatMap((answer) => ('silent' in answer ? [] : [answer.accepted]));
  const isOwn = (stamp: Stamp) =>
    stamp.operation === operation.id && claimOf(stamp.epoch) === operation.epoch;
  const others = rules.filter((one) => !isOwn(one)).sort((a, b) => b.epoch - a.epoch);
  const own = rules.filter(isOwn).sort((a, b) => a.members.length - b.members.length);
  return {
    gateways: answers.map((answer) => ('silent' in answer ? answer : describeGateway(answer))),
    base: others[0] === undefined ? null : describeRules(others[0]),
    ownMembers: own[0]?.members ?? null,
  };
}

export const movedRanges = (
  current: Parameters<typeof changedBuckets>[0],
  wanted: Parameters<typeof changedBuckets>[1],
) => rangesOf(changedBuckets(current, wanted));
