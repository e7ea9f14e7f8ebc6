import type { Json } from './json.ts';
import type { RoutingTable } from './routing.ts';
import type { LeftOutStep, RunMode } from './run.ts';
import type { Reversibility, Style } from './step.ts';

/** A step of a compiled plan: everything its activity needs, secrets only as references. */
export interface PlanStep {
  /** `<runbook step id>` or `<runbook step id>/<target>` where a step fans out. */
  readonly id: string;
  /** Step kind = activity type. */
  readonly kind: string;
  /** A sentence for the UI's timeline, at most 120 characters. */
  readonly title: string;
  readonly needs: readonly string[];
  readonly reversibility: Reversibility;
  readonly parameters: Json;
  /** Present where the runbook sets it; otherwise the run's style counts. */
  readonly style?: Style;
}

/** A runbook compiled against inventory, parameters and observation: plain data, in the history. */
export interface Plan {
  readonly version: 1;
  readonly runbook: string;
  readonly domain: string;
  readonly from?: string;
  readonly to?: string;
  readonly mode: RunMode;
  readonly style: Style;
  readonly drill: boolean;
  readonly steps: readonly PlanStep[];
  /** Absent where every step of the runbook has something to do. */
  readonly leftOut?: readonly LeftOutStep[];
  /** SHA-256 (hex) of the inventory and the runbook texts it was compiled from. */
  readonly sources: { readonly inventory: string; readonly runbook: string };
  /**
   * SHA-256 (hex) over everything above but `mode`, canonical JSON; what an approval binds to. Without the mode, so
   * that the digest of a precheck is the digest of the run that it was made for.
   */
  readonly digest: string;
}

/** What compiling needs to know of the systems as they are now. */
export interface ObservedTopology {
  readonly databases: { readonly [name: string]: ObservedCluster };
  /** The table that the gateways enforce now, with the highest epoch seen; absent when none could be read. */
  readonly routing?: { readonly epoch: number; readonly operation: string; readonly table: RoutingTable };
  /** Highest epoch in any database's promotion journal; a claim has to be higher. Absent when none was found. */
  readonly floorEpoch?: number;
  /** Sentences about what could not be read. */
  readonly gaps: readonly string[];
}

export interface ObservedCluster {
  /** Node that is (or was, when it cannot be reached) the primary; from the servers and their replicas. */
  readonly primary?: string;
  readonly primarySite?: string;
  readonly primaryReachable: boolean;
  /** Node that an earlier promotion left for `primary` without coming to its end: the same move has to be made again. */
  readonly unfinishedFrom?: string;
  /** Why we think so, one sentence a source. */
  readonly because: readonly string[];
}
