import type { Evidence, Style } from '../domain/step.ts';
import { GatewayRejected, GatewaySilent, type GatewayClient } from './gateways.ts';
import type { StepTools } from './tools.ts';

/**
 * Forced, the old units may be dead: what was sent to them never ends by itself, and users are waiting. There a count
 * that stands still is not waited for.
 */
const limits = {
  graceful: { drainMs: 1_000, standsStillMs: 1_000 },
  forced: { drainMs: 200, standsStillMs: 50 },
} as const;
const lookEveryMs = 10;

/**
 * Waits until no write that passed before the fence is still at the old units. Bounded, because one may hang; the
 * databases' own freeze comes next in any case.
 */
export async function drainWrites(
  gateways: readonly GatewayClient[],
  units: ReadonlyMap<string, string>,
  style: Style,
  tools: StepTools,
): Promise<{ readonly ms: number; readonly evidence: readonly Evidence[] }> {
  const startedAt = performance.now();
  const pairs = gateways.flatMap((gateway) => [...units.keys()].map((unit) => ({ gateway, unit })));
  const left = await Promise.all(
    pairs.map(async ({ gateway, unit }) => ({
      gateway,
      unit,
      writes: await drainOne(gateway, unit, limits[style], tools),
    })),
  );
  return {
    ms: Math.round(performance.now() - startedAt),
    evidence: [...units].map(([unit, buckets]) => {
      const ofUnit = left.filter((one) => one.unit === unit);
      const unread = ofUnit.filter((one) => one.writes === undefined).map((one) => one.gateway.name);
      const writes = ofUnit.reduce((sum, one) => sum + (one.writes ?? 0), 0);
      return {
        what: `writes from before the fence in flight at ${unit} (buckets ${buckets} fenced)`,
        value: { writes, ...(unread.length === 0 ? {} : { notRead: unread }) },
        source: 'gateway agents',
      };
    }),
  };
}

/** The last count seen, 0 as soon as it is 0 once; undefined where nobody gives one in all that time. */
async function drainOne(
  gateway: GatewayClient,
  unit: string,
  { drainMs, standsStillMs }: (typeof limits)[Style],
  tools: StepTools,
): Promise<number | undefined> {
  const until = performance.now() + drainMs;
  let fewest: number | undefined;
  let fellAt = performance.now();
  for (;;) {
    const writes = await countAt(gateway, unit);
    const now = performance.now();
    if (writes !== undefined && (fewest === undefined || writes < fewest)) [fewest, fellAt] = [writes, now];
    if (fewest === 0 || now >= until) return fewest;
    if (fewest !== undefined && now - fellAt >= standsStillMs) return fewest;
    await tools.sleep(lookEveryMs);
  }
}

/** undefined where it cannot tell: its proxy may be reloading just now. */
async function countAt(gateway: GatewayClient, unit: string): Promise<number | undefined> {
  try {
    return await gateway.earlierWritesInFlight(unit);
  } catch (error) {
    if (error instanceof GatewaySilent || error instanceof GatewayRejected) return undefined;
    throw error;
  }
}
