/**
 * The places inside promoteDatabase where a test may end the process: before and after every change of a
 * server, and every wait. A change that goes to several servers at once has one pair of points, and so has a method of a
 * driver that needs several statements for one change: nobody is killed between those. Production passes them without a pause. The names are stable.
 */
const around = (names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [`before-${name}`, `after-${name}`]);

const takeOver = [
  'detach-candidate',
  'stop-siblings',
  'point-siblings',
  'arm-semi-sync',
  'start-siblings',
  'drop-source',
  'await-ackers',
  'verify',
  'admit-journal',
  'write-journal',
  'open',
  'finish-siblings',
] as const;

const demotion = ['relieve-semi-sync', 'stop-demoted', 'demote', 'start-demoted', 'await-demoted'] as const;

/** A planned promotion; also a forced one whose old primary answers. */
export const plannedPoints = around([
  'lock',
  'write-intent',
  'pre-sync',
  'rotate-binlog',
  'freeze',
  'read-position',
  'clear-sessions',
  'catch-up',
  ...takeOver,
  ...demotion,
]);

/** A forced promotion whose old primary is gone. */
export const unplannedPoints = around([
  'lock',
  'capture',
  'resume-appliers',
  'revoke',
  'drain',
  'elect',
  'prove-fence',
  ...takeOver,
]);

/** The first promotion of a cluster, before its intention is written, or the opening in an emergency. */
export const firstPoints = around(['create-schema', 'create-table']);

/** An emergency whose candidate first has to catch up from another survivor. */
export const followerPoints = around(['stop-follower', 'point-follower', 'start-follower']);

/** An opening on record whose operation ended before it had opened anybody: what its end needs besides. */
export const finishPoints = around(['detach-candidate', 'drop-source', 'arm-semi-sync', 'open']);

/** Giving the frozen primary back: by an undo, after a failure, or before an operation that comes later begins anew. */
export const giveBackPoints = around([
  'close-standbys',
  'relieve-returning',
  'stop-returning',
  'point-returning',
  'start-returning',
  'unfreeze',
  'await-returning',
]);

/** The undo writes down that it was one. */
export const undoPoints = [...giveBackPoints, ...around(['write-undone'])];

/** A standby whose role in semi-sync somebody had changed. */
export const rolePoints = around(['relieve-siblings']);

/** An emergency that first refuses, because nobody can acknowledge, and then is told to open the candidate alone. */
export const alonePoints = around(['receive-again', 'stand-alone']);

export const pointName = (point: string): string => `promoteDatabase:${point}`;
