import type { GatewayAcknowledgement, InflightAnswer } from '../../domain/gateway-protocol.ts';
import type { StampedRules } from '../../domain/routing.ts';
import type { LabGateway } from './access-layer.ts';

/** The agents' HTTP interface as anybody may use it; see docs/gateway-agent.md. */
export async function postToAgent(
  gateway: LabGateway,
  path: '/v1/promise' | '/v1/rules',
  body: unknown,
): Promise<{ readonly status: number; readonly body: { readonly [field: string]: unknown } }> {
  const response = await fetch(gateway.agentUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
  return { status: response.status, body: (await response.json()) as { [field: string]: unknown } };
}

/** @throws Error unless every gateway answers 200 */
export async function promiseEverywhere(
  gateways: readonly LabGateway[],
  claim: { readonly domain: string; readonly epoch: number; readonly operation: string },
): Promise<void> {
  for (const { status, body } of await Promise.all(
    gateways.map((one) => postToAgent(one, '/v1/promise', claim)),
  ))
    if (status !== 200) throw new Error(`a promise was refused: ${JSON.stringify(body)}`);
}

/** @throws Error unless every gateway acknowledges these very rules on each of its workers */
export async function enforceEverywhere(gateways: readonly LabGateway[], rules: StampedRules): Promise<void> {
  const answers = await Promise.all(gateways.map((one) => postToAgent(one, '/v1/rules', rules)));
  for (const { status, body } of answers) {
    const { workers, digest } = body as unknown as GatewayAcknowledgement;
    const isEverywhere =
      status === 200 &&
      digest === rules.digest &&
      workers.length > 0 &&
      workers.every((worker) => worker.digest === digest);
    if (!isEverywhere)
      throw new Error(`epoch ${rules.epoch} was not acknowledged: HTTP ${status} ${JSON.stringify(body)}`);
  }
}

/** Until no write of this unit from before the fence is in flight at any gateway, or the time is up. */
export async function drainEverywhere(
  gateways: readonly LabGateway[],
  unit: string,
  withinMs: number,
): Promise<number> {
  const until = performance.now() + withinMs;
  for (;;) {
    const counts = await Promise.all(
      gateways.map(async (gateway) => {
        const response = await fetch(`${gateway.agentUrl}/v1/inflight?unit=${unit}`);
        const { earlier, writes } = (await response.json()) as InflightAnswer;
        return earlier ?? writes;
      }),
    );
    const writes = counts.reduce((sum, count) => sum + count, 0);
    if (writes === 0 || performance.now() > until) return writes;
  }
}
