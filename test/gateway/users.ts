import { probeUsers } from '../../domain/probe-users.ts';
import type { LabGateway } from '../../lab/bench/access-layer.ts';

/** A user in the buckets that the tests move, and one who stays in the west. */
export const movedUser = probeUsers([5], 1, 100)[0] ?? '';
export const otherUser = probeUsers([80], 1, 100)[0] ?? '';

export interface Seen {
  readonly status: number;
  readonly unit: string;
  readonly epoch: number;
  readonly refused: string;
}

export async function ask(gateway: LabGateway, method: 'GET' | 'POST', user: string, seq = 0): Promise<Seen> {
  const response = await fetch(gateway.endpoint, {
    method,
    headers: { 'x-user-id': user, 'x-seq': String(seq) },
    signal: AbortSignal.timeout(5_000),
  });
  await response.text();
  return {
    status: response.status,
    unit: response.headers.get('x-unit') ?? '',
    epoch: Number(response.headers.get('x-epoch')),
    refused: response.headers.get('x-refused') ?? '',
  };
}

/** Asks until the answer is as wanted; the message shows the last one. */
export async function askUntil(
  gateway: LabGateway,
  method: 'GET' | 'POST',
  user: string,
  isWanted: (seen: Seen) => boolean,
  withinMs = 15_000,
): Promise<Seen> {
  const until = performance.now() + withinMs;
  for (;;) {
    const seen = await ask(gateway, method, user);
    if (isWanted(seen)) return seen;
    if (performance.now() > until)
      throw new Error(`${gateway.name}: ${method} ${user} is still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
