/** One look among several that are taken at once. */
export interface Look<Seen> {
  /** Others wait for it; whoever is not needed may be gone with a site, and must not hold them up. */
  readonly isNeeded: boolean;
  readonly look: Promise<Seen>;
  /** What is seen of one that is too late. */
  readonly late: Seen;
}

/**
 * All that is needed, and of the rest what is there `graceMs` after it.
 * @throws what a needed look throws
 */
export async function gatherNeeded<Seen>(
  looks: readonly Look<Seen>[],
  graceMs: number,
): Promise<readonly Seen[]> {
  let timer: NodeJS.Timeout | undefined;
  const needed = Promise.all(looks.filter(({ isNeeded }) => isNeeded).map(({ look }) => look));
  const grace = needed.then(
    () =>
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      }),
  );
  grace.catch(() => undefined); // told by the needed look itself
  try {
    return await Promise.all(
      looks.map(({ isNeeded, look, late }) =>
        isNeeded ? look : Promise.race([look, grace.then(() => late)]),
      ),
    );
  } finally {
    clearTimeout(timer);
  }
}
