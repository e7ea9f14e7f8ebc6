import { DefaultLogger, type Logger, type LogEntry } from '@temporalio/worker';
import { pino, type Logger as Pino } from 'pino';
import type { LogLevel } from './config.ts';

/** One line of JSON per entry on standard output; secrets that were resolved in this process never get there. */
export function createLog(level: LogLevel, redact: (text: string) => string): Pino {
  return pino(
    { level, base: { name: 'siteshift-worker' }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => void process.stdout.write(redact(line)) },
  );
}

/** Temporal's own logger (SDK, workflows, activities and the native core), written through pino. */
export function temporalLogger(log: Pino): Logger {
  return new DefaultLogger('TRACE', (entry) => writeEntry(log, entry));
}

function writeEntry(log: Pino, { level, message, meta }: LogEntry): void {
  log[pinoLevels[level]](meta ?? {}, message);
}

const pinoLevels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
