/**
 * As Promise.all, only that nothing still runs when it throws: a lab that gives up must not go on starting processes
 * behind its own back.
 */
export async function settleAll<const Results extends readonly unknown[]>(work: {
  readonly [Index in keyof Results]: Promise<Results[Index]>;
}): Promise<Results> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
