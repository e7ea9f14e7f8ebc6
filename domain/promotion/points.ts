/**
 * The places inside promoteDatabase where a test may end the process: before and after every statement (or group of
 * statements that goes to several servers at once). Production passes them without a pause. The names are stable.
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

const demotion = ['relieve-semi-sync', 'demote', 'await-demoted'] as const;

/** A planned promotion; also a forced one whose old primary answers. */
export const plannedPoints = around([
  'lock',
  'create-journal',
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
  'revoke',
  'drain',
  'elect',
  'prove-fence',
  ...takeOver,
]);

export const pointName = (point: string): string => `promoteDatabase:${point}`;
