import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import { endWithUs } from '../process/end-with-us.ts';
import { repositoryFile } from './start-worker.ts';

/**
 * The product's own step, as a process of its own: `node worker/run-step.ts KIND`.
 * @returns the outcomes, up to the first that is not done
 */
export async function runProductStep(
  kind: string,
  inputs: readonly StepInput<unknown>[],
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly StepOutcome[]> {
  const child = spawn(process.execPath, [repositoryFile('worker/run-step.ts'), kind], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  endWithUs(child);
  child.stdin.end(inputs.map((input) => `${JSON.stringify(input)}\n`).join(''));
  const [printed, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (printed === '') throw new Error(`${kind} gave no outcome: ${complaints.slice(0, 500)}`);
  const texts = inputs.length > 1 ? printed.trimEnd().split('\n') : [printed];
  return texts.map((outcome) => JSON.parse(outcome) as StepOutcome);
}
