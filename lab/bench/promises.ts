/**
 * What a benchmark must not have seen, however slow the machine was: figures of a run that broke it say nothing.
 * Each returns what was broken, in words.
 */
type Broken = readonly string[];

const told = (isBroken: boolean, words: string): Broken => (isBroken ? [words] : []);

export const brokenBySwitchover = (
  results: readonly {
    readonly engine: string;
    readonly acknowledgedWrites: number;
    readonly lostWrites: number;
  }[],
): Broken =>
  results.flatMap(({ engine, acknowledgedWrites, lostWrites }) => [
    ...told(
      lostWrites > 0,
      `${engine}: expected 0 lost writes, seen ${lostWrites} of ${acknowledgedWrites} acknowledged`,
    ),
    ...told(acknowledgedWrites === 0, `${engine}: nobody wrote, so nothing was shown`),
  ]);

export const brokenByPush = (
  results: readonly {
    readonly target: string;
    readonly consumers: number;
    readonly rounds: number;
    readonly missing: number;
  }[],
): Broken =>
  results.flatMap(({ target, consumers, rounds, missing }) =>
    told(
      missing > 0,
      `${target}: expected the document at every consumer within 3 s, and its acknowledgement; seen ${missing} of ${consumers * (rounds + 1)} without`,
    ),
  );

export const brokenByFlip = ({
  misrouted,
  connectionErrors,
  accepted,
}: {
  readonly misrouted: number;
  readonly connectionErrors: number;
  readonly accepted: number;
}): Broken => [
  ...told(misrouted > 0, `expected 0 misrouted writes, seen ${misrouted}`),
  ...told(connectionErrors > 0, `expected 0 connection errors, seen ${connectionErrors}`),
  ...told(accepted === 0, 'no write was accepted, so nothing was shown'),
];

/** Says what was broken and has the process end with 1. */
export function endWith(benchmark: string, broken: Broken): void {
  for (const words of broken) console.error(`${benchmark}: ${words}`);
  if (broken.length > 0) process.exitCode = 1;
}
