import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Json } from '../../domain/json.ts';
import type { StepOutcome } from '../../domain/step.ts';
import { endWithUs } from '../process/end-with-us.ts';

export interface StepRun {
  readonly outcome: StepOutcome;
  /** Each time that it ran, without the warm-up; without one, the first holds the loading of drivers. */
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
  /** Parameters of the same kind that the process runs first, as a worker has run many before. */
  readonly warmUp?: Json;
}): Promise<StepRun> {
  const { kind, parameters, epoch, style = 'graceful', times = 1, warmUp } = options;
  const inputs = [...(warmUp === undefined ? [] : [warmUp]), parameters].map((parameters) => ({
    operation: { id: `bench-${epoch}`, domain: 'bench', epoch, reason: 'bench', by: 'bench' },
    step: kind,
    mode: 'apply',
    style,
    parameters,
  }));
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['worker/run-step.ts', kind, '--times', String(times)], {
    stdio: 'pipe',
  });
  endWithUs(child);
  let memoryMb = 0;
  const sampling = setInterval(() => {
    memoryMb = Math.max(memoryMb, peakMb(child.pid));
  }, SAMPLE_MS);
  child.stdin.end(inputs.map((input) => JSON.stringify(input)).join('\n'));
  const [output, told] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  clearInterval(sampling);
  const wallMs = performance.now() - startedAt;
  if (!output.startsWith('{')) throw new Error(`step ${kind} ended without an outcome: ${told}`);
  const tookMs = [...told.matchAll(/took (\d+) ms/g)].map((match) => Number(match[1]));
  const stepMs = tookMs.slice((inputs.length - 1) * times);
  const outcomes = inputs.length > 1 ? output.trimEnd().split('\n') : [output];
  const outcome = JSON.parse(outcomes.at(-1) ?? '') as StepOutcome;
  return { outcome, stepMs, wallMs, memoryMb };
}

function peakMb(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
