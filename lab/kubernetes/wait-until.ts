import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats a check until it no longer throws. What it threw last tells why the time ran out. */
export async function waitUntil<Result>(
  options: { readonly what: string; readonly withinMs: number; readonly everyMs?: number },
  check: () => Promise<Result>,
): Promise<Result> {
  const deadline = Date.now() + options.withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadline) {
        const seen = error instanceof Error ? error.message : String(error);
        const message = `${options.what}: not so within ${options.withinMs / 1000} s; seen: ${seen}`;
        throw new Error(message, { cause: error });
      }
    }
    await sleep(options.everyMs ?? 200);
  }
}
