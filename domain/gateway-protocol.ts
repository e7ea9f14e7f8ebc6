import type { Stamp } from './operation.ts';
import type { StampedRules } from './routing.ts';

/**
 * Messages of the gateway agent (HTTP, JSON). The agent stands beside its proxy; the orchestrator and the other
 * agents are its only callers. See docs/gateway-agent.md.
 *
 * GET  /v1/state                            -> GatewayState
 * POST /v1/promise   PromiseRequest         -> 200 PromiseAnswer | 409 GatewayRefusal
 * POST /v1/rules     StampedRules           -> 200 GatewayAcknowledgement | 409 GatewayRefusal | 503 NotInstalled
 * GET  /v1/peer?domain=D&from=GATEWAY       -> PeerAnswer (asked by the other agents before each lease renewal)
 * GET  /v1/inflight?unit=U                  -> InflightAnswer
 * Every other answer (400, 404, 405, 413, 503) is {gateway, error}.
 */
export interface PromiseRequest {
  readonly domain: string;
  /** Even: a claim covers this epoch (fence) and the next one (open). */
  readonly epoch: number;
  readonly operation: string;
}

export interface PromiseAnswer {
  readonly gateway: string;
  readonly bootId: string;
  readonly promised: Stamp;
  readonly accepted: Stamp;
}

export interface GatewayRefusal {
  readonly gateway: string;
  readonly error: string;
  /** The higher (or twin) stamp that is in the way. */
  readonly highest: Stamp;
}

export interface WorkerAcknowledgement {
  readonly pid: number;
  /** As read back from this worker process, not as sent to it; 0 and '' where it could not be read. */
  readonly epoch: number;
  readonly digest: string;
}

export interface GatewayAcknowledgement {
  readonly gateway: string;
  readonly bootId: string;
  readonly epoch: number;
  readonly operation: string;
  readonly digest: string;
  /** How long ago this gateway accepted this claim's first rules, ms on its monotonic clock. */
  readonly acceptedForMs: number;
  /** Every worker process of the proxy that still serves, old ones included. */
  readonly workers: readonly WorkerAcknowledgement[];
  readonly fileDigest: string;
}

/** Accepted and on disk, but the proxy could not be brought to it yet: no acknowledgement, but it counts as accepted. */
export interface NotInstalled {
  readonly gateway: string;
  readonly error: string;
  readonly acceptedEpoch: number;
  readonly acceptedForMs: number;
}

export interface GatewayState {
  readonly gateway: string;
  readonly bootId: string;
  readonly domain: string;
  /** False: it has lost (or never had) its state and has not heard from every peer since; it promises nothing. */
  readonly joined: boolean;
  readonly promised: Stamp;
  /** The rules in force; epoch 0 with an all-fenced table before the first ones. */
  readonly accepted: StampedRules;
  readonly acceptedForMs: number;
  readonly workers: readonly WorkerAcknowledgement[];
  /** Why the workers could not be read; absent when they could. */
  readonly proxyError?: string;
  /** unit -> lease deadline, ms since 1970 on the gateway's own clock; 0 = never renewed. */
  readonly leases: { readonly [unit: string]: number };
  readonly leaseMs: number;
  /** What stands in the way of renewing; absent when nothing does. */
  readonly notRenewing?: string;
  /** Gateways it is configured with, itself included. */
  readonly gateways: readonly string[];
  /** Units that this proxy has backends for. */
  readonly units: readonly string[];
}

/** What one agent tells another: enough to know whether renewing is still allowed, and the rules to catch up with. */
export interface PeerAnswer {
  readonly gateway: string;
  readonly joined: boolean;
  readonly promised: Stamp;
  readonly accepted: StampedRules;
}

export interface InflightAnswer {
  readonly gateway: string;
  readonly unit: string;
  /** Requests that are neither GET nor HEAD and have not been answered yet, over all workers. */
  readonly writes: number;
  /** Those among them that were let in under other rules than the accepted ones; absent where the proxy does not tell. */
  readonly earlier?: number;
}
