import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import { runStepProcess } from './apply-scene.ts';
import type { KillLab } from './kill-lab.ts';

/** Runs a step in a process that dies at each point once, and again until it ends by itself. */
export async function killedWorker(
  lab: KillLab,
  kind: string,
  points: readonly string[],
  input: () => StepInput<unknown>,
): Promise<{ readonly outcome: StepOutcome | undefined; readonly deaths: number }> {
  const markers = mkdtempSync(join(lab.folder, 'markers-'));
  const stops = points.map((point, index) => ({ point, marker: join(markers, `${index}`) }));
  for (let deaths = 0; ; deaths += 1) {
    const { outcome, signal } = await runStepProcess(kind, input(), ...stops);
    if (signal === null) return { outcome, deaths };
    if (signal !== 'SIGKILL') throw new Error(`expected SIGKILL, seen ${signal}`);
  }
}
