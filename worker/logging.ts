import { pino, type Logger as Pino } from 'pino';
import type { LogLevel } from './config.ts';

/** One line of JSON per entry on standard output; secrets that were resolved in this process never get there. */
export function createLog(level: LogLevel, redact: (text: string) => string): Pino {
  return pino(
    { level, base: { name: 'siteshift-worker' }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => void process.stdout.write(redact(line)) },
  );
}
