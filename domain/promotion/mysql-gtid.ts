/** Strips the line breaks that servers put into long sets, so that equal sets are equal texts. */
export const plainGtidSet = (set: string): string => set.replaceAll(/\s+/g, '');

/**
 * How many transactions a GTID set names, for messages and limits only: set algebra is left to the servers' own
 * functions. Reads `uuid:1-5:7,uuid:tag:3` (tags since MySQL 8.3).
 */
export function countGtids(set: string): number {
  let count = 0;
  for (const part of plainGtidSet(set).split(/[,:]/)) {
    const interval = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (interval === null) continue; // a UUID or a tag
    const first = Number(interval[1]);
    count += Number(interval[2] ?? first) - first + 1;
  }
  return count;
}

/** The parts of a set that servers other than this one wrote. */
export const withoutServer = (set: string, uuid: string): string =>
  parts(set)
    .filter((part) => !isOf(part, uuid))
    .join(',');

/** The parts of a set that this server wrote. */
export const onlyServer = (set: string, uuid: string): string =>
  parts(set)
    .filter((part) => isOf(part, uuid))
    .join(',');

const parts = (set: string): readonly string[] => plainGtidSet(set).split(',').filter(Boolean);
const isOf = (part: string, uuid: string): boolean => part.toLowerCase().startsWith(`${uuid.toLowerCase()}:`);
