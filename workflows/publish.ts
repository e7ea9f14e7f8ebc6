import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { RunOutcome, RunPhase, RunRecord } from '../domain/run.ts';
import { detailsOf } from './details.ts';
import { searchAttributeKeys } from './messages.ts';
import type { Onlooker } from './plan-run.ts';

/** Shows a run to people: its record in the details, and what runs are looked for by in the search attributes. */
export class Publisher implements Onlooker {
  private shown: RunPhase | undefined;

  /** A command, written to the history and to the server's index: only when it is news. */
  phase(phase: RunPhase, outcome: RunOutcome | undefined): void {
    if (phase === this.shown) return;
    this.shown = phase;
    upsertSearchAttributes([
      { key: searchAttributeKeys.phase, value: phase },
      ...(outcome === undefined ? [] : [{ key: searchAttributeKeys.outcome, value: outcome }]),
    ]);
  }

  record(record: RunRecord): void {
    setCurrentDetails(detailsOf(record));
    this.phase(record.phase, record.outcome);
  }
}
