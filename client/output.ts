import type { Ending } from './exit-codes.ts';

/** Where a command writes: people read lines, `--json` gives one JSON value on standard output. */
export interface Output {
  readonly isJson: boolean;
  /** A line for people; nothing with `--json`. */
  line(text: string): void;
  /** The command's one JSON value; nothing without `--json`. */
  json(value: unknown): void;
  /** Something on the way, on standard error, so that standard output stays clean. */
  note(text: string): void;
}

export function createOutput(isJson: boolean): Output {
  return {
    isJson,
    line: (text) => {
      if (!isJson) process.stdout.write(`${text}\n`);
    },
    json: (value) => {
      if (isJson) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    note: (text) => {
      process.stderr.write(`${text}\n`);
    },
  };
}

/** What every command comes to: how it ended. */
export type Command = () => Promise<Ending>;
