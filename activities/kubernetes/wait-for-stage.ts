import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import type { Style } from '../../domain/step.ts';
import { StepFailed } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import type { KubernetesClient } from './client.ts';
import { checkReadyOnce, type NotReady } from './wait-ready.ts';

const SHOWN = 20;

/** ms to the next look: soon where a look is cheap, and never so often that looking becomes the server's main work. */
export const pauseAfter = (lookMs: number): number => Math.min(2_000, Math.max(200, 2 * lookMs));

/**
 * Waits until everything of a stage is ready, because the next stage rests on it.
 * @returns what a forced run leaves behind unready, in words
 * @throws StepFailed (graceful) with every object and condition that is missing
 */
export async function waitForStage(
  client: KubernetesClient,
  manifests: readonly StoredManifest[],
  options: {
    readonly stage: string;
    readonly timeoutMs: number;
    readonly style: Style;
    readonly tools: StepTools;
  },
): Promise<readonly string[]> {
  const { stage, timeoutMs, style, tools } = options;
  const deadline = tools.now() + timeoutMs;
  for (;;) {
    const lookedAt = tools.now();
    const open = await checkReadyOnce(client, manifests, lookedAt, tools.signal);
    if (open.length === 0) return [];
    tools.heartbeat({ stage, ready: manifests.length - open.length, of: manifests.length });
    if (tools.now() >= deadline) {
      const lines = open.slice(0, SHOWN).map(describe);
      const rest = open.length > SHOWN ? [`and ${open.length - SHOWN} more of stage ${stage}`] : [];
      if (style === 'forced') return [...lines, ...rest];
      const message = `${client.name}: stage ${stage} is not ready after ${timeoutMs / 1_000} s: ${open.length} of ${manifests.length} objects: ${lines.slice(0, 3).join('; ')}`;
      throw new StepFailed(message, { stage, notReady: open.length, first: lines });
    }
    await tools.sleep(pauseAfter(tools.now() - lookedAt));
  }
}

const describe = ({ object, verdict }: NotReady): string =>
  `${object} is ${verdict.state}: ${verdict.because}`;
