import type { ProbeAnswer } from '../domain/probe-users.ts';
import type { VerifyEndpointParameters } from '../domain/step-parameters.ts';

const probeTimeoutMs = 2_000;

/** One request as a user sends it. Never throws: whatever happens is what the user would have seen. */
export async function sendProbe(
  endpoint: string,
  user: string,
  { path, method, body, routing }: VerifyEndpointParameters,
  cancelled: AbortSignal,
): Promise<ProbeAnswer> {
  try {
    const response = await fetch(new URL(path, endpoint), {
      method,
      headers: {
        [routing.header]: user,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.any([cancelled, AbortSignal.timeout(probeTimeoutMs)]),
    });
    await response.arrayBuffer();
    return {
      status: response.status,
      unit: response.headers.get('x-unit') ?? '',
      epoch: Number(response.headers.get('x-epoch') ?? 0),
      refused: response.headers.get('x-refused') ?? '',
    };
  } catch (error) {
    return { failed: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
