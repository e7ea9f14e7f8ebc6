import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { RunPhase, RunRecord } from '../domain/run.ts';
import { detailsOf } from './details.ts';
import { searchAttributeKeys } from './messages.ts';

/** Shows each change in the details, and in the search attributes when it is one that people look for runs by. */
export function publisher(): (record: RunRecord) => void {
  let shown: RunPhase | undefined;
  return (record) => {
    setCurrentDetails(detailsOf(record));
    if (record.phase === shown) return;
    shown = record.phase;
    upsertSearchAttributes([
      { key: searchAttributeKeys.phase, value: record.phase },
      ...(record.outcome === undefined ? [] : [{ key: searchAttributeKeys.outcome, value: record.outcome }]),
    ]);
  };
}
