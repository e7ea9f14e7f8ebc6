import { ApplicationFailure } from '@temporalio/activity';
import { nameFailure, type FailureName } from '../domain/failures.ts';

/** What an activity fails with when its outcome cannot say it. */
export const namedFailure = (type: FailureName, message: string): ApplicationFailure =>
  nameFailure((fields) => ApplicationFailure.create(fields), type, message);
