import { claimOf } from './gateway-decisions.ts';
import { leaseRunsOutAfterMs, majorityOf } from './lease.ts';
import type { WorkerAcknowledgement } from './gateway-protocol.ts';
import type { Stamp } from './operation.ts';
import type { StepOutcome } from './step.ts';

/** What the orchestrator last heard from a gateway about its rules, in this attempt; `silent` says why nothing. */
export type GatewayReading =
  | {
      readonly gateway: string;
      readonly accepted: Stamp & { readonly digest: string };
      readonly acceptedForMs: number;
      readonly workers: readonly WorkerAcknowledgement[];
      readonly proxyError?: string;
    }
  | { readonly gateway: string; readonly silent: string };

export interface Barrier {
  /** Everybody whose traffic the fence must stop: inventory and members of the rules before. */
  readonly gateways: readonly string[];
  /** Members of the rules that were in force before: a silent gateway renews by a majority of these. */
  readonly members: readonly string[];
  /** Members of the rules that are being sent: a majority of them must hold the fence for the next claim to find it. */
  readonly nextMembers: readonly string[];
  /** Declared out of traffic by an operator, with a reason. */
  readonly removed: readonly string[];
  readonly fence: Stamp;
  readonly leaseMs: number;
}

/** A gateway that has not acknowledged and counts as fenced nevertheless. */
export interface Excused {
  readonly gateway: string;
  readonly how: string;
}

export type BarrierVerdict =
  | { readonly kind: 'passed'; readonly excused: readonly Excused[] }
  /** `remainingMs`: how long the leases still run; undefined while nothing has started to run out. */
  | { readonly kind: 'waiting'; readonly for: readonly string[]; readonly remainingMs?: number };

/**
 * Has every gateway stopped sending writes by the old rules? A barrier, not a vote: each one has acknowledged on all
 * of its worker processes, or can hold no lease any more, or was taken out. A lease is known to have run out when a
 * majority of the members by which it would be renewed accepted the fence longer ago than a lease lasts.
 */
export function judgeBarrier(barrier: Barrier, readings: readonly GatewayReading[]): BarrierVerdict {
  const { gateways, members, nextMembers, removed, fence, leaseMs } = barrier;
  const pastMs = majorityAcceptedForMs(members, readings, fence);
  const leaseOver = pastMs !== undefined && pastMs >= leaseRunsOutAfterMs(leaseMs);
  const excused: Excused[] = [];
  const waiting: string[] = [];
  for (const gateway of gateways) {
    const reading = readings.find((one) => one.gateway === gateway);
    const missing = missingFrom(reading, fence);
    if (missing === undefined) continue;
    if (removed.includes(gateway)) excused.push({ gateway, how: 'taken out of traffic by the operator' });
    else if (leaseOver) excused.push({ gateway, how: `its lease has run out (${missing})` });
    else waiting.push(`${gateway}: ${missing}`);
  }
  if (majorityAcceptedForMs(nextMembers, readings, fence) === undefined) {
    waiting.push(`a majority of ${nextMembers.join(', ')} to accept epoch ${fence.epoch}`);
  }
  if (waiting.length === 0) return { kind: 'passed', excused };
  return {
    kind: 'waiting',
    for: waiting,
    ...(pastMs === undefined ? {} : { remainingMs: Math.max(0, leaseRunsOutAfterMs(leaseMs) - pastMs) }),
  };
}

/** Rules of this claim: the fence itself, or the opening that only follows a passed fence. */
export const isOfClaim = (accepted: Stamp, fence: Stamp): boolean =>
  accepted.operation === fence.operation && claimOf(accepted.epoch) === claimOf(fence.epoch);

/** Every worker process holds what its agent has accepted. */
export const isAcknowledged = ({
  accepted,
  workers,
}: Pick<Exclude<GatewayReading, { readonly silent: string }>, 'accepted' | 'workers'>): boolean =>
  workers.length > 0 && workers.every((worker) => worker.digest === accepted.digest);

/** What a gateway still owes to count as fenced; undefined when it has acknowledged on every worker. */
function missingFrom(reading: GatewayReading | undefined, fence: Stamp): string | undefined {
  if (reading === undefined) return 'not asked yet';
  if ('silent' in reading) return reading.silent;
  const { accepted, workers, proxyError } = reading;
  if (!isOfClaim(accepted, fence)) return `holds the rules of epoch ${accepted.epoch}`;
  if (proxyError !== undefined) return `has the rules, but its proxy does not answer: ${proxyError}`;
  if (workers.length === 0) return 'has the rules, but no worker process was seen';
  const behind = workers.filter((worker) => worker.digest !== accepted.digest);
  return behind.length === 0
    ? undefined
    : `has the rules, but not in worker ${behind.map((worker) => worker.pid).join(', ')}`;
}

/** For how long at least a majority of the members has held the rules of this claim; undefined while none does. */
export function majorityAcceptedForMs(
  members: readonly string[],
  readings: readonly GatewayReading[],
  fence: Stamp,
): number | undefined {
  const ages = readings
    .flatMap((reading) =>
      'silent' in reading || !members.includes(reading.gateway) || !isOfClaim(reading.accepted, fence)
        ? []
        : [reading.acceptedForMs],
    )
    .sort((a, b) => b - a);
  return ages[majorityOf(members.length) - 1];
}

export const excuseOf = (gateway: string): string => `gateway ${gateway} counts as fenced`;

/** How each excused gateway came to count as fenced, and that somebody has to look at it. */
export const excuses = (excused: readonly Excused[]): Pick<StepOutcome, 'evidence' | 'leftToDo'> => ({
  evidence: excused.map(({ gateway, how }) => ({ what: excuseOf(gateway), value: how, source: 'barrier' })),
  ...(excused.length === 0
    ? {}
    : {
        leftToDo: excused.map(({ gateway, how }) => `gateway ${gateway} did not acknowledge: ${how}`),
      }),
});
