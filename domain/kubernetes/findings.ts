/** problem: a failover would stop here. warning: it would go on, slower or with less. ok: looked at and good. */
export type FindingLevel = 'ok' | 'warning' | 'problem';

/** One thing that was looked at while nothing is wrong yet. */
export type KubernetesFinding = {
  readonly level: FindingLevel;
  /** What was looked at and where, e.g. `backup location of west`. */
  readonly what: string;
  /** What is expected and what was seen. */
  readonly seen: string;
  /** What a person does about it; empty when ok. */
  readonly remedy: string;
};

export const good = (what: string, seen: string): KubernetesFinding => ({
  level: 'ok',
  what,
  seen,
  remedy: '',
});
export const warning = (what: string, seen: string, remedy: string): KubernetesFinding => ({
  level: 'warning',
  what,
  seen,
  remedy,
});
export const problem = (what: string, seen: string, remedy: string): KubernetesFinding => ({
  level: 'problem',
  what,
  seen,
  remedy,
});

export const describeFinding = ({ what, seen, remedy }: KubernetesFinding): string =>
  `${what}: ${seen}${remedy === '' ? '' : `; ${remedy}`}`;

/** Something that could not be looked at is a problem of its own, not the end of the look. */
export async function lookAt(
  what: string,
  remedy: string,
  look: () => Promise<readonly KubernetesFinding[]>,
): Promise<readonly KubernetesFinding[]> {
  try {
    return await look();
  } catch (error) {
    return [problem(what, error instanceof Error ? error.message : String(error), remedy)];
  }
}
