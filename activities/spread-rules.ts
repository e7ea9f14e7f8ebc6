import { isAcknowledged, type GatewayReading } from '../domain/gateway-barrier.ts';
import { majorityOf } from '../domain/lease.ts';
import type { StampedRules } from '../domain/routing.ts';
import { StepFailed } from './define-step.ts';
import { enforceRules } from './enforce-rules.ts';
import type { GatewayClient } from './gateways.ts';
import type { StepTools } from './tools.ts';

/** How long the others may need once a majority has accepted; they catch up from their peers anyway. */
const graceMs = { answering: 1_000, silent: 300 } as const;
const majorityWithinMs = 10_000;

/**
 * Sends rules that open buckets. Whoever lacks them refuses writes, so a majority is enough: the rest is behind, never
 * wrong.
 * @returns sentences about the gateways that are still behind
 * @throws StepFailed when a gateway refuses or no majority accepts
 */
export async function spreadRules(
  gateways: readonly GatewayClient[],
  rules: StampedRules,
  tools: StepTools,
): Promise<{ readonly missing: readonly string[] }> {
  const enforcement = enforceRules(gateways, rules, tools);
  const startedAt = performance.now();
  let majorityAt: number | undefined;
  try {
    for (;;) {
      const readings = enforcement.readings();
      const accepted = readings.filter(
        (one) =>
          !('silent' in one) && one.accepted.epoch >= rules.epoch && rules.members.includes(one.gateway),
      );
      const missing = gateways.flatMap(({ name }) => behind(name, readings));
      const passedMs = performance.now() - startedAt;
      if (accepted.length >= majorityOf(rules.members.length)) majorityAt ??= performance.now();
      const isWaitedFor = majorityAt === undefined || performance.now() - majorityAt < graceFor(readings);
      if (majorityAt !== undefined && (missing.length === 0 || !isWaitedFor)) return { missing };
      const objection = enforcement.objection();
      const state = { missing, epoch: rules.epoch };
      if (objection !== undefined)
        throw new StepFailed(`the rules were refused: ${objection.message}`, state);
      if (passedMs > majorityWithinMs) {
        throw new StepFailed(`no majority accepts epoch ${rules.epoch}: ${missing.join('; ')}`, state);
      }
      tools.heartbeat(state);
      await enforcement.news(100);
    }
  } finally {
    enforcement.stop();
  }
}

/** Who has answered at all is about to finish; who has not may never. */
const graceFor = (readings: readonly GatewayReading[]): number =>
  readings.some((one) => !('silent' in one) && !isAcknowledged(one)) ? graceMs.answering : graceMs.silent;

function behind(gateway: string, readings: readonly GatewayReading[]): readonly string[] {
  const reading = readings.find((one) => one.gateway === gateway);
  if (reading === undefined) return [`gateway ${gateway} has not answered yet`];
  if ('silent' in reading) return [`gateway ${gateway} ${reading.silent}`];
  return isAcknowledged(reading)
    ? []
    : [`gateway ${gateway} has the rules, its proxy not: ${reading.proxyError ?? 'some worker lacks them'}`];
}
