import { ApplicationFailure } from '@temporalio/workflow';
import { nameFailure, type FailureName } from '../domain/failures.ts';

/** What a run, or an Update, is refused with. */
export const namedFailure = (type: FailureName, message: string): ApplicationFailure =>
  nameFailure((fields) => ApplicationFailure.create(fields), type, message);
