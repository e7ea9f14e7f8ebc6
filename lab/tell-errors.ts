import { inspect } from 'node:util';
import { isEndedBySignal } from './process/close-on-signals.ts';

/** The command line is wrong: nothing was started. */
export class WrongArguments extends Error {
  override readonly name = 'WrongArguments';
}

/** @throws WrongArguments */
export function wholeNumber(option: string, text: string, least: number, most = 1_000_000): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new WrongArguments(
    `${option}: expected a whole number from ${least} to ${most}, saw ${JSON.stringify(text)}`,
  );
}

/**
 * Has a program of the lab end with words instead of a stack: 2 and the usage where its arguments are wrong, 1 where it
 * failed. What nobody foresaw keeps its stack. Call it first.
 */
export function tellErrors(usage: string): void {
  process.on('uncaughtException', (error: unknown) => {
    if (isEndedBySignal()) return; // what was under way fails, because what it talks to is being stopped
    const wrong = wrongArgument(error);
    process.stderr.write(wrong === undefined ? `✗ ${told(error)}\n` : `${wrong}\n${usage}\n`);
    process.exit(wrong === undefined ? 1 : 2); // the supervisor's exit handler kills what runs
  });
}

function wrongArgument(error: unknown): string | undefined {
  if (error instanceof WrongArguments) return error.message;
  const isParsed =
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return isParsed ? error.message.split('. To specify')[0] : undefined;
}

const told = (error: unknown): string =>
  error instanceof Error && error.constructor === Error && error.cause === undefined
    ? error.message
    : inspect(error);
