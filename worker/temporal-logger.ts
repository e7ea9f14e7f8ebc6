import { DefaultLogger, type Logger, type LogEntry } from '@temporalio/worker';
import type { Logger as Pino } from 'pino';

/** Temporal's own logger (SDK, workflows, activities and the native core), written through pino. */
export function temporalLogger(log: Pino): Logger {
  return new DefaultLogger('TRACE', (entry) => writeEntry(log, entry));
}

function writeEntry(log: Pino, { level, message, meta }: LogEntry): void {
  log[pinoLevels[level]](meta ?? {}, message);
}

const pinoLevels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
