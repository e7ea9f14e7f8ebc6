import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { Json } from '../domain/json.ts';
import { messageOf } from '../domain/error-message.ts';
import type { StepInput, StepOutcome } from '../domain/step.ts';
import { runStep, type StepKind } from './define-step.ts';
import { namedFailure } from './named-failure.ts';
import type { StepLog, StepTools } from './tools.ts';

/** What the worker hands in: everything that reads the environment or knows secrets stays there. */
export interface StepSurroundings {
  readonly secret: (reference: string) => Promise<string>;
  /** Takes every secret that was resolved so far out of a text. */
  readonly redact: (text: string) => string;
  readonly reached: (point: string) => Promise<void>;
}

/** Heartbeats that a step does not have to think of. The server gives up after five seconds without one. */
const heartbeatIntervalMs = 1_000;

export type StepActivity = (input: StepInput) => Promise<StepOutcome>;

/** Turns a step kind into the activity of the same name. */
export function stepActivity<Parameters, Observed extends Json, Read>(
  kind: StepKind<Parameters, Observed, Read>,
  surroundings: StepSurroundings,
): StepActivity {
  return async (input) => {
    const context = Context.current();
    const { step, mode, operation } = input;
    const fields = { step, mode, operation: operation.id, epoch: operation.epoch };
    try {
      return await heartbeating(context, async (heartbeat) => {
        const tools = contextTools(context, fields, surroundings, heartbeat);
        const outcome = await runStep(kind, input as StepInput<Parameters>, tools);
        return JSON.parse(surroundings.redact(JSON.stringify(outcome))) as StepOutcome;
      });
    } catch (error) {
      throw failureOf(error, kind.kind, input, context, surroundings);
    }
  };
}

/** Beats every second while `work` runs, with the details it gave last. Only beats carry a cancellation back. */
export async function heartbeating<Result>(
  context: Context,
  work: (heartbeat: (details: Json) => void) => Promise<Result>,
): Promise<Result> {
  let details: Json = null;
  const beat = () => context.heartbeat(details);
  const timer = setInterval(beat, heartbeatIntervalMs);
  try {
    return await work((latest) => {
      details = latest;
      beat();
    });
  } finally {
    clearInterval(timer);
  }
}

export function contextTools(
  context: Context,
  fields: object,
  { secret, reached }: StepSurroundings,
  heartbeat: (details: Json) => void,
): StepTools {
  return {
    log: stepLog(context, fields),
    signal: context.cancellationSignal,
    heartbeat: (details = null) => heartbeat(details),
    now: () => Date.now(),
    sleep: (ms) => context.sleep(ms),
    secret,
    reached,
  };
}

/** Temporal's activity log adds workflow id, run id, attempt and activity type by itself. */
function stepLog(context: Context, fields: object): StepLog {
  const { log: write } = context;
  return {
    debug: (more, message) => write.debug(message, { ...fields, ...more }),
    info: (more, message) => write.info(message, { ...fields, ...more }),
    warn: (more, message) => write.warn(message, { ...fields, ...more }),
    error: (more, message) => write.error(message, { ...fields, ...more }),
  };
}

/** The one place where an error becomes a failure with a name; causes and stacks stay in the log, redacted. */
function failureOf(
  error: unknown,
  kind: string,
  { step, mode }: StepInput,
  context: Context,
  { redact }: StepSurroundings,
): Error {
  const message = redact(`${kind} ${step} (${mode}): ${messageOf(error)}`);
  if (context.cancellationDetails?.workerShutdown === true) return namedFailure('WorkerStopping', message);
  if (context.cancellationSignal.aborted) return new CancelledFailure(message);
  if (error instanceof ApplicationFailure) return error;
  context.log.warn('step attempt failed', { step, failure: 'TargetTrouble', message });
  return namedFailure('TargetTrouble', message);
}
