import { spawn } from 'node:child_process';

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `siteshift …` as people do: its own process, its own environment. */
export function siteshift(
  words: readonly string[],
  environment: { readonly [name: string]: string },
): Promise<CliResult> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['client/cli.js', ...words], {
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
