import type { StepTools } from '../../activities/tools.ts';
import type { Operation } from '../../domain/operation.ts';
import type { StepInput } from '../../domain/step.ts';
import type { LabGateway } from '../../lab/bench/access-layer.ts';
import type { GatewayParameters } from '../../domain/step-parameters.ts';

const nothing = () => undefined;

/** Steps without Temporal. `reached` lets a test act at a named point. */
export const stepTools = (reached: (point: string) => Promise<void> | void = nothing): StepTools => ({
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  signal: new AbortController().signal,
  heartbeat: nothing,
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  secret: (reference) => Promise.reject(new Error(`no secrets here: ${reference}`)),
  reached: async (point) => {
    await reached(point);
  },
});

export const operation = (id: string, epoch = 0): Operation => ({
  id,
  domain: 'shop',
  epoch,
  reason: 'test',
  by: 'test',
});

export const stepInput = <Parameters>(
  kind: string,
  op: Operation,
  parameters: Parameters,
  more: Partial<StepInput<Parameters>> = {},
): StepInput<Parameters> => ({
  operation: op,
  step: kind,
  mode: 'apply',
  style: 'graceful',
  parameters,
  ...more,
});

export const gatewayParameters = (
  gateways: readonly LabGateway[],
  leaseMs: number,
  buckets = 100,
): GatewayParameters => ({
  routing: {
    buckets,
    header: 'x-user-id',
    leaseMs,
    units: {
      east: { site: 'east', buckets: `0-${Math.floor(buckets * 0.6) - 1}` },
      west: { site: 'west', buckets: `${Math.floor(buckets * 0.6)}-${buckets - 1}` },
    },
  },
  gateways: Object.fromEntries(
    gateways.map((gateway) => [
      gateway.name,
      { site: 'edge', agent: gateway.agentUrl, endpoint: gateway.endpoint },
    ]),
  ),
});
