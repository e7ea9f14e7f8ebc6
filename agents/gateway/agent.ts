import {
  claimOf,
  judgeCatchUp,
  judgePromise,
  judgeRules,
  stampOf,
  type AgentRecord,
  type Verdict,
} from '../../domain/gateway-decisions.ts';
import type {
  GatewayAcknowledgement,
  GatewayState,
  PeerAnswer,
  PromiseAnswer,
} from '../../domain/gateway-protocol.ts';
import type { Stamp } from '../../domain/operation.ts';
import type { StampedRules } from '../../domain/routing.ts';
import type { GatewayAgentConfig } from './config.ts';
import type { ProxyKeeper } from './proxy-keeper.ts';
import type { RecordFile } from './record-file.ts';
import { serial } from './serial.ts';

/** The request is right, but this gateway is bound to something higher (HTTP 409). */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly highest: Stamp;
  constructor(message: string, highest: Stamp) {
    super(message);
    this.highest = highest;
  }
}

/** The rules are on disk, the proxy could not be brought to them yet (HTTP 503). */
export class NotInstalledYet extends Error {
  override readonly name = 'NotInstalledYet';
  readonly accepted: { readonly acceptedEpoch: number; readonly acceptedForMs: number };
  constructor(cause: unknown, accepted: NotInstalledYet['accepted']) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.accepted = accepted;
  }
}

export interface GatewayAgent {
  readonly record: AgentRecord;
  promise(request: Stamp): Promise<PromiseAnswer>;
  accept(rules: StampedRules): Promise<GatewayAcknowledgement>;
  /** Takes over what a peer has accepted, where the promise allows it. True when something changed. */
  catchUp(rules: StampedRules): Promise<boolean>;
  /** Replaces an unjoined record. */
  join(next: AgentRecord): Promise<void>;
  peerAnswer(): PeerAnswer;
  acceptedForMs(): number;
  state(notRenewing: string | undefined): Promise<GatewayState>;
}

/**
 * Promising and accepting, one at a time. Memory changes only after the disk has, and answers are given only after
 * memory has: whoever got an answer can rely on every later one.
 */
export function gatewayAgent(config: GatewayAgentConfig, file: RecordFile, proxy: ProxyKeeper): GatewayAgent {
  const inOrder = serial();
  let record = file.loaded;
  /** After a restart the age counts anew: too young is the safe side. */
  let acceptedAt = performance.now();

  const keep = async (next: AgentRecord) => {
    await file.save(next);
    const isSameClaim =
      claimOf(next.accepted.epoch) === claimOf(record.accepted.epoch) &&
      next.accepted.operation === record.accepted.operation;
    if (!isSameClaim) acceptedAt = performance.now();
    record = next;
  };
  const settle = (judge: (record: AgentRecord) => Verdict) =>
    inOrder(async () => {
      const verdict = judge(record);
      if (verdict.kind === 'refuse') throw new Refused(verdict.because, verdict.highest);
      if (verdict.kind === 'change') await keep(verdict.next);
      return verdict.kind === 'change';
    });
  const acceptedForMs = () => Math.floor(performance.now() - acceptedAt);

  return {
    get record() {
      return record;
    },
    promise: async (request) => {
      await settle((current) => judgePromise(current, request));
      const { promised, accepted } = record;
      return { gateway: config.gateway, bootId: file.bootId, promised, accepted: stampOf(accepted) };
    },
    accept: async (rules) => {
      await settle((current) => judgeRules(current, rules));
      const installed = await proxy
        .install(() => record.accepted)
        .catch((cause: unknown) => {
          throw new NotInstalledYet(cause, {
            acceptedEpoch: record.accepted.epoch,
            acceptedForMs: acceptedForMs(),
          });
        });
      const { epoch, operation, digest } = record.accepted;
      return {
        gateway: config.gateway,
        bootId: file.bootId,
        epoch,
        operation,
        digest,
        acceptedForMs: acceptedForMs(),
        ...installed,
      };
    },
    catchUp: (rules) => settle((current) => judgeCatchUp(current, rules)),
    join: (next) => inOrder(() => keep(next)),
    peerAnswer: () => ({
      gateway: config.gateway,
      joined: record.joined,
      promised: record.promised,
      accepted: record.accepted,
    }),
    acceptedForMs,
    state: async (notRenewing) => {
      const seen = await proxy.look(() => record.accepted);
      return {
        gateway: config.gateway,
        bootId: file.bootId,
        domain: config.domain,
        joined: record.joined,
        promised: record.promised,
        accepted: record.accepted,
        acceptedForMs: acceptedForMs(),
        leaseMs: config.leaseMs,
        gateways: [config.gateway, ...Object.keys(config.peers)].sort(),
        ...(notRenewing === undefined ? {} : { notRenewing }),
        ...seen,
      };
    },
  };
}
