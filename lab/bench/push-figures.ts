import type { StepOutcome } from '../../domain/step.ts';
import type { Round } from './push-rig.ts';

/** Times in ms from the moment in which the step began to publish; one clock, all on one host. */
export interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly p9999: number;
  readonly max: number;
}

/** Who has not got the document by then is missing. */
export const missingAfterMs = 3_000;

export interface RoundTimes {
  readonly publish: number;
  /** One for each consumer; one that is missing counts with the time at which it was given up. */
  readonly applied: readonly number[];
  /** The same. */
  readonly acknowledged: readonly number[];
  /** Consumers without the document 3 s after the publish, or without an acknowledgement that the step knew of. */
  readonly missing: number;
}

/** @throws Error when the step did not come to its end: its times would be those of the consumers that it went well for */
export function timesOf(
  { outcome, events }: Pick<Round, 'outcome' | 'events'>,
  consumers: number,
): RoundTimes {
  if (outcome.status !== 'done')
    throw new Error(`expected the push to be done, saw ${outcome.status}: ${outcome.summary}`);
  const { publishedAt, distribution } = acknowledgementsOf(outcome);
  const times = events.map(({ appliedAt }) => appliedAt - publishedAt);
  const inTime = times.filter((ms) => ms <= missingAfterMs);
  const known = distribution.flatMap(([ms, count]) => Array.from({ length: count }, () => ms));
  return {
    publish: outcome.durationsMs['publish'] ?? Number.NaN,
    applied: filledUp(inTime, consumers),
    acknowledged: filledUp(known, consumers),
    missing: consumers - Math.min(inTime.length, known.length),
  };
}

const filledUp = (times: readonly number[], consumers: number): readonly number[] => [
  ...times,
  ...Array.from({ length: Math.max(0, consumers - times.length) }, () => missingAfterMs),
];

function acknowledgementsOf(outcome: StepOutcome) {
  const fact = outcome.evidence.find(({ what }) => what === 'acknowledgements');
  if (fact === undefined) throw new Error(`the step tells nothing of acknowledgements: ${outcome.summary}`);
  return fact.value as unknown as {
    readonly publishedAt: number;
    readonly distribution: readonly (readonly [number, number])[];
  };
}

export function figures(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), p9999: at(0.9999), max: at(1) };
}
