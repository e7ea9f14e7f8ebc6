/**
 * How long after a majority has accepted a rule a silent gateway may still serve writes by its last lease. Besides
 * the lease: a tenth of it for clocks that run at different rates, and 100 ms for the proxy's own clock granularity.
 * Clock steps backwards: the agent re-expresses its deadlines, see docs/gateway-agent.md (limits).
 */
export const leaseMarginMs = (leaseMs: number): number => Math.ceil(leaseMs / 10) + 100;

/** From the acceptance by a majority on; after this nobody who has not accepted can hold a lease. */
export const leaseRunsOutAfterMs = (leaseMs: number): number => leaseMs + leaseMarginMs(leaseMs);

export const renewEveryMs = (leaseMs: number): number => Math.floor(leaseMs / 4);

/** A majority of this many members; two majorities of the same members always share one. */
export const majorityOf = (members: number): number => Math.floor(members / 2) + 1;

/**
 * Counted from the moment when the questions were SENT: a peer that answered them had not accepted anything higher
 * by then, so whatever it accepts later starts its waiting time later, too.
 */
export const leaseDeadline = (askedAtMs: number, leaseMs: number): number => askedAtMs + leaseMs;
