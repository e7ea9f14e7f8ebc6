import { claimOf } from '../domain/gateway-decisions.ts';
import { isAcknowledged, type GatewayReading } from '../domain/gateway-barrier.ts';
import type { StampedRules } from '../domain/routing.ts';
import { GatewayRefused, GatewayRejected, GatewaySilent, type GatewayClient } from './gateways.ts';
import type { StepTools } from './tools.ts';

/** Rules on their way to all gateways, tried again at each until it has acknowledged. */
export interface Enforcement {
  /** What each gateway said last; the age of an acceptance counts on. */
  readings(): readonly GatewayReading[];
  /** The first answer that repeating cannot mend: bound to something higher, or the rules are wrong. */
  objection(): GatewayRefused | GatewayRejected | undefined;
  /** After the next answer from anybody, or after so long. */
  news(withinMs: number): Promise<void>;
  stop(): void;
}

const retryEveryMs = 100;

export function enforceRules(
  gateways: readonly GatewayClient[],
  rules: StampedRules,
  tools: StepTools,
): Enforcement {
  const readings = new Map<string, { readonly reading: GatewayReading; readonly at: number }>();
  let objection: GatewayRefused | GatewayRejected | undefined;
  const ended = new AbortController();
  let wake = () => {};
  let failure: unknown;

  const pursue = async (gateway: GatewayClient) => {
    while (!ended.signal.aborted) {
      const reading = await offer(gateway, rules);
      readings.set(gateway.name, { reading, at: performance.now() });
      wake();
      if (!('silent' in reading) && isAcknowledged(reading)) return;
      await new Promise((resolve) => setTimeout(resolve, retryEveryMs));
    }
  };
  for (const gateway of gateways) {
    pursue(gateway).catch((error: unknown) => {
      if (error instanceof GatewayRefused || error instanceof GatewayRejected) objection ??= error;
      else failure ??= error;
      ended.abort();
      wake();
    });
  }
  return {
    readings: () =>
      [...readings.values()].map(({ reading, at }) =>
        'silent' in reading
          ? reading
          : { ...reading, acceptedForMs: reading.acceptedForMs + (performance.now() - at) },
      ),
    objection: () => objection,
    news: async (withinMs) => {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (failure !== undefined || objection !== undefined) wake();
      });
      tools.signal.throwIfAborted();
      if (failure !== undefined) throw failure;
    },
    stop: () => {
      ended.abort();
    },
  };
}

/** Promise and rules: a gateway that missed the ballot is asked for its promise first. */
async function offer(gateway: GatewayClient, rules: StampedRules): Promise<GatewayReading> {
  const { name } = gateway;
  const { domain, operation, epoch, digest } = rules;
  try {
    await gateway.promise({ domain, operation, epoch: claimOf(epoch) });
    const answer = await gateway.rules(rules);
    if ('notInstalled' in answer) {
      const { acceptedEpoch, acceptedForMs, error } = answer.notInstalled;
      const accepted = { epoch: acceptedEpoch, operation, digest };
      return { gateway: name, accepted, acceptedForMs, workers: [], proxyError: error };
    }
    const { acceptedForMs, workers } = answer;
    return {
      gateway: name,
      accepted: { epoch: answer.epoch, operation: answer.operation, digest: answer.digest },
      acceptedForMs,
      workers,
    };
  } catch (error) {
    if (error instanceof GatewaySilent) return { gateway: name, silent: error.message };
    // Bound to nothing higher: it has lost its state, and takes part again once it has heard from its peers.
    if (error instanceof GatewayRefused && error.highest.epoch < claimOf(epoch))
      return { gateway: name, silent: `refuses: ${error.message}` };
    throw error;
  }
}
