import { spawn } from 'node:child_process';
import { endWithUs } from '../process/end-with-us.ts';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

/** Runs a command to its end and returns what it printed; a failure carries the end of its output. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 0,
      killSignal: 'SIGKILL',
    });
    endWithUs(child);
    let printed = '';
    let everything = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      everything = tail(everything + text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      everything = tail(everything + text);
    });
    const line = `${command} ${args.join(' ')}`.slice(0, 300);
    child.once('error', (cause) => reject(new Error(`could not run: ${line}`, { cause })));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`failed with ${signal ?? `code ${code}`}: ${line}\n${lastLines(everything)}`));
    });
  });
}

const tail = (text: string) => text.slice(-8_000);

const lastLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .slice(-12)
    .map((line) => `  | ${line}`)
    .join('\n');
