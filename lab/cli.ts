import { spawn } from 'node:child_process';
import { endWithUs } from './process/end-with-us.ts';
import { repositoryFile, type ProductEnvironment } from './sites/start-worker.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `siteshift ARGS` as a person would, in a process of its own; what it prints is passed on while it runs. */
export function runCli(
  environment: ProductEnvironment,
  args: readonly string[],
  onProgress: (text: string) => void = () => undefined,
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [repositoryFile('client/cli.js'), ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(child);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      onProgress(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onProgress(text);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
