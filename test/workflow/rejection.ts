import { WorkflowUpdateFailedError } from '@temporalio/client';

/** The message with which an Update was rejected; anything else but a rejection is thrown. */
export async function rejectionOf(update: Promise<unknown>): Promise<string> {
  try {
    return `not rejected: ${JSON.stringify(await update)}`;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError && error.cause !== undefined) return error.cause.message;
    throw error;
  }
}
