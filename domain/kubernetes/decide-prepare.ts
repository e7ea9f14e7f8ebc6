import type { Decision } from '../step.ts';

/** What prepareStandby saw. */
export type StandbyObserved = {
  readonly cluster: string;
  /** The newest backup that can be read from end to end, however old; null: there is none. */
  readonly backup: string | null;
  /** Why no backup will do; cut to what a person reads. */
  readonly rejected: readonly string[];
  /** Definitions in it, and those that the cluster lacks. */
  readonly definitions: number;
  readonly missing: readonly string[];
};

export function decidePrepare({
  cluster,
  backup,
  rejected,
  definitions,
  missing,
}: StandbyObserved): Decision {
  if (backup === null) {
    const seen = rejected.length === 0 ? ['there is no backup at all'] : rejected;
    return { kind: 'refuse', reasons: [`${cluster}: no backup says which definitions it needs`, ...seen] };
  }
  if (missing.length === 0) {
    return {
      kind: 'already',
      because: `${cluster}: all ${definitions} definitions of ${backup} are installed`,
    };
  }
  return {
    kind: 'apply',
    will: [
      `${cluster}: install ${missing.length} of ${definitions} definitions from ${backup}: ${missing.slice(0, 5).join(', ')}`,
    ],
  };
}
