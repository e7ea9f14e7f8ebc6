import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { CommandFailure } from './exit-codes.ts';

/** Turns what Temporal throws into a sentence and an exit code. @param what attempted, as a verb phrase */
export async function translated<Answer>(what: string, attempt: () => Promise<Answer>): Promise<Answer> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw failureOf(what, error);
  }
}

function failureOf(what: string, error: unknown): CommandFailure {
  const fail = (ending: 'refused' | 'unreachable' | 'problems', why: string) =>
    new CommandFailure(ending, `could not ${what}: ${why}`, { cause: error });
  if (error instanceof WorkflowNotFoundError) return fail('refused', 'there is no such run');
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError)
    return fail('refused', deepest(error));
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
    return fail('unreachable', 'no worker took it in time; it may still be taken');
  if (error instanceof QueryNotRegisteredError) return fail('problems', 'it is not a run of siteshift');
  const grpc = grpcCode(error);
  if (grpc === deadlineExceeded) return fail('unreachable', 'no answer in time; is a worker running?');
  if (grpc === unavailable) return fail('unreachable', 'Temporal does not answer there');
  if (grpc === notFound && /workflow|execution/i.test(deepest(error)))
    return fail('refused', 'there is no such run');
  if (grpc === failedPrecondition) return fail('unreachable', deepest(error));
  if (error instanceof ServiceError || grpc !== undefined) return fail('unreachable', deepest(error));
  return fail('problems', deepest(error));
}

const deadlineExceeded = 4;
const notFound = 5;
const failedPrecondition = 9;
const unavailable = 14;

/** The connection reports some failures wrapped, some as plain errors. */
function grpcCode(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) return error.code;
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause !== undefined) return grpcCode(cause);
  return error instanceof Error && /failed to connect|connect.*timed? ?out|deadline/i.test(error.message)
    ? unavailable
    : undefined;
}

/** The innermost message: the outer ones say only that something failed. */
function deepest(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? deepest(error.cause) : error.message;
}
