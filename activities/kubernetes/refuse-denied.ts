import { StepRefused } from '../define-step.ts';
import { hasCode } from './api-error.ts';
import { S3Error } from './s3.ts';

/**
 * Credentials that expired, or that lack a right, stay so until a person changes them: that is a reason to refuse, in
 * words, and no reason to try again. Only around `read` and `observe`, when nothing has been changed yet.
 */
export function refuseDenied<Given extends readonly unknown[], Seen>(
  look: (...given: Given) => Promise<Seen>,
): (...given: Given) => Promise<Seen> {
  return async (...given) => {
    try {
      return await look(...given);
    } catch (error) {
      if (!isDenied(error)) throw error;
      throw new StepRefused([error.message]);
    }
  };
}

const isDenied = (error: unknown): error is Error =>
  (error instanceof S3Error && error.isDenied) || hasCode(error, 401) || hasCode(error, 403);
