import type { Stamp } from './operation.ts';
import type { RoutingRules } from './routing.ts';

/**
 * Messages of the gateway agent (HTTP, JSON). The agent stands beside its proxy; the orchestrator and the other
 * agents are its only callers. See docs/gateway-agent.md.
 *
 * GET  /v1/state    -> GatewayState
 * POST /v1/promise  PromiseRequest -> 200 PromiseAnswer | 409 PromiseRefused
 * POST /v1/rules    RoutingRules & {digest} -> 200 GatewayAcknowledgement | 409 PromiseRefused
 * GET  /v1/peer?domain=D&from=GATEWAY -> PeerAnswer (asked by the other agents before each lease renewal)
 */
export interface PromiseRequest {
  readonly domain: string;
  readonly epoch: number;
  readonly operation: string;
  /** Units whose writes this claim is about; a gateway that promised renews them only under the claim's rules. */
  readonly units: readonly string[];
}

export interface PromiseAnswer {
  readonly gateway: string;
  readonly bootId: string;
  readonly promised: Stamp;
  readonly accepted: Stamp;
}

export interface PromiseRefused {
  readonly gateway: string;
  readonly error: string;
  /** The higher (or twin) stamp that is in the way. */
  readonly highest: Stamp;
}

export interface WorkerAcknowledgement {
  readonly pid: number;
  readonly epoch: number;
  readonly digest: string;
}

export interface GatewayAcknowledgement {
  readonly gateway: string;
  readonly bootId: string;
  readonly epoch: number;
  readonly operation: string;
  /** Every worker process of the proxy that still serves, old ones included. */
  readonly workers: readonly WorkerAcknowledgement[];
  readonly fileDigest: string;
}

export interface GatewayState {
  readonly gateway: string;
  readonly bootId: string;
  readonly domain: string;
  readonly promised: Stamp & { readonly units: readonly string[] };
  /** The rules in force; epoch 0 with an all-fenced table before the first ones. */
  readonly accepted: RoutingRules & { readonly digest: string };
  readonly workers: readonly WorkerAcknowledgement[];
  /** unit -> lease deadline, ms since 1970 on the gateway's own clock; 0 = never renewed. */
  readonly leases: { readonly [unit: string]: number };
  readonly leaseMs: number;
}

/** What one agent tells another: enough to know whether renewing is still allowed, and the rules to catch up with. */
export interface PeerAnswer {
  readonly gateway: string;
  readonly promised: Stamp & { readonly units: readonly string[] };
  readonly accepted: RoutingRules & { readonly digest: string };
}
