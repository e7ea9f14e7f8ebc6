/** How much longer than the others one may take that may be gone: people wait, and it would keep them for nothing. */
export const graceMs = 300;

/** One look among several that are taken at once. */
export interface Look<Seen> {
  readonly look: Promise<Seen>;
  /** What is seen of one that is too late. */
  readonly late: Seen;
}

/**
 * What is there so long after there is enough; without ever enough, everything.
 * @throws what a look throws that is in time, and what `enough` throws
 */
export async function gatherInTime<Seen>(
  looks: readonly Look<Seen>[],
  enough: Promise<unknown>,
  moreMs: number,
): Promise<readonly Seen[]> {
  let timer: NodeJS.Timeout | undefined;
  const over = enough.then(
    () =>
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, moreMs);
      }),
  );
  over.catch(() => undefined); // heard below, unless all was seen before
  try {
    return await Promise.all(looks.map(({ look, late }) => Promise.race([look, over.then(() => late)])));
  } finally {
    clearTimeout(timer);
  }
}

/** All that is needed, and of the rest what is there `moreMs` after it: who is not needed may be gone with a site. */
export const gatherNeeded = <Seen>(
  looks: readonly (Look<Seen> & { readonly isNeeded: boolean })[],
  moreMs: number,
): Promise<readonly Seen[]> =>
  gatherInTime(looks, Promise.all(looks.filter(({ isNeeded }) => isNeeded).map(({ look }) => look)), moreMs);
