import type { Json } from '../domain/json.ts';

/** The part of pino that steps use; in activities it carries workflow id, step and operation by itself. */
export interface StepLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a step kind gets from its surroundings. Injected, so that a step runs without Temporal in tests. */
export interface StepTools {
  readonly log: StepLog;
  /** Aborts on cancellation, on heartbeat loss and when the worker shuts down. */
  readonly signal: AbortSignal;
  /** Tells Temporal that the step is alive; `details` is a hint only, never the truth about a target. */
  heartbeat(details?: Json): void;
  /** ms since 1970. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Resolves env:NAME and file:PATH; the value is registered for redaction and never returned in an outcome. */
  secret(reference: string): Promise<string>;
  /**
   * A named place before or after an effect, e.g. `freeze:after`. Does nothing in production; tests kill, pause or
   * cut the process exactly there.
   */
  reached(point: string): Promise<void>;
}
