import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Json } from '../../domain/json.ts';
import type { StepOutcome } from '../../domain/step.ts';

export interface StepRun {
  readonly outcome: StepOutcome;
  /** Each time that it ran; the first one holds the loading of drivers. */
  readonly stepMs: readonly number[];
  /** From the start of the process to its end. */
  readonly wallMs: number;
  /** Largest resident size of the process, MB; 0 where the system does not tell. */
  readonly memoryMb: number;
}

const SAMPLE_MS = 100;

/** Runs one step of the product as its own process, as `worker/run-step.ts` does it for people. */
export async function runStepProcess(options: {
  readonly kind: string;
  readonly parameters: Json;
  readonly epoch: number;
  readonly style?: 'graceful' | 'forced';
  readonly times?: number;
}): Promise<StepRun> {
  const { kind, parameters, epoch, style = 'graceful', times = 1 } = options;
  const input = {
    operation: { id: `bench-${epoch}`, domain: 'bench', epoch, reason: 'bench', by: 'bench' },
    step: kind,
    mode: 'apply',
    style,
    parameters,
  };
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['worker/run-step.ts', kind, '--times', String(times)], {
    stdio: 'pipe',
  });
  let memoryMb = 0;
  const sampling = setInterval(() => {
    memoryMb = Math.max(memoryMb, peakMb(child.pid));
  }, SAMPLE_MS);
  child.stdin.end(JSON.stringify(input));
  const [output, told] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  clearInterval(sampling);
  const wallMs = performance.now() - startedAt;
  if (!output.startsWith('{')) throw new Error(`step ${kind} ended without an outcome: ${told}`);
  const stepMs = [...told.matchAll(/took (\d+) ms/g)].map((match) => Number(match[1]));
  return { outcome: JSON.parse(output) as StepOutcome, stepMs, wallMs, memoryMb };
}

function peakMb(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
