import type { RunOutcome, RunRecord } from '../domain/run.ts';
import { CommandFailure } from './exit-codes.ts';
import type { Ending } from './exit-codes.ts';
import type { FailoverClient } from './failover-client.ts';
import { questionsOf } from './next-commands.ts';
import type { Output } from './output.ts';
import { progressLines } from './progress-lines.ts';

const pollMs = 300;

export interface FollowOptions {
  /** What to do when the run can go on only after a person's answer. */
  readonly onPark: 'wait' | 'exit';
}

/** Prints what happens in a run until it is closed; @returns the last record seen. */
export async function followRun(
  client: FailoverClient,
  id: string,
  output: Output,
  { onPark }: FollowOptions,
): Promise<RunRecord> {
  let last: RunRecord | undefined;
  let isSilent = false;
  for (;;) {
    const record = await look(client, id, last);
    if (record === undefined) {
      if (!isSilent)
        output.note(`no worker answers for ${id}; a run goes on by itself as soon as one is back`);
      isSilent = true;
    } else {
      for (const line of progressLines(last, record, Date.now())) output.line(line);
      last = record;
      isSilent = false;
      if (record.phase === 'closed') return record;
      if (onPark === 'exit' && waitsForPersonOnly(record)) return record;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** A worker that is away is no reason to stop looking; anything else is. */
async function look(
  client: FailoverClient,
  id: string,
  last: RunRecord | undefined,
): Promise<RunRecord | undefined> {
  try {
    return await client.statusAfter(id, last);
  } catch (error) {
    if (error instanceof CommandFailure && error.ending === 'unreachable') return undefined;
    throw error;
  }
}

/** Nothing goes on by itself: every running step waits for a person, too. */
export function waitsForPersonOnly(record: RunRecord): boolean {
  const asked = questionsOf(record);
  const steps = asked.map((question) => question.step);
  return (
    asked.length > 0 && record.steps.every((step) => step.state !== 'running' || steps.includes(step.id))
  );
}

const endings: { readonly [Outcome in RunOutcome]: Ending } = {
  completed: 'ok',
  'precheck passed': 'ok',
  refused: 'refused',
  'completed with skips': 'problems',
  aborted: 'problems',
  'precheck found problems': 'problems',
};

/** How a command ends that has seen this record. */
export function endingOf(record: RunRecord): Ending {
  if (record.outcome !== undefined) return endings[record.outcome];
  return questionsOf(record).length > 0 ? 'needsOperator' : 'ok';
}
