/** One thing that is wrong in a file a person wrote: where, what was expected there and what was seen. */
export interface Problem {
  readonly file: string;
  /** 1-based, as editors count. */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value, e.g. `databases.orders.engine`; empty for the whole file. */
  readonly path: string;
  readonly expected: string;
  readonly seen: string;
  /** The whole line as it is printed: `file:line:column path: expected …, saw …`. */
  readonly message: string;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Path = readonly (string | number)[];

export const pathText = (path: Path): string =>
  path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');

/** Where a value stands in its file; `key` asks for the key instead of the value. */
export type Locate = (path: Path, what?: 'value' | 'key') => Position;

export function problemAt(
  file: string,
  position: Position,
  path: Path,
  expected: string,
  seen: string,
): Problem {
  const text = pathText(path);
  const where = `${file}:${position.line}:${position.column}`;
  return {
    file,
    ...position,
    path: text,
    expected,
    seen,
    message: `${where}${text === '' ? '' : ` ${text}`}: expected ${expected}, saw ${seen}`,
  };
}

/** What was seen, short enough for one line; a long text is cut, never a whole document. */
export function seenText(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value))
    return value.length === 0
      ? 'an empty list'
      : `a list of ${value.length} ${value.length === 1 ? 'item' : 'items'}`;
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    if (keys.length === 0) return 'an empty map';
    return `a map with ${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ', …' : ''}`;
  }
  if (typeof value === 'number') return `${value}`; // JSON has no NaN and no infinity; YAML has
  if (typeof value !== 'string') return JSON.stringify(value) ?? typeof value;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
}

/** `"a"`, `"a" or "b"`, `"a", "b" or "c"`. */
export function oneOf(values: readonly unknown[]): string {
  const quoted = values.map((value) => JSON.stringify(value));
  const last = quoted.at(-1) ?? 'nothing';
  return quoted.length < 2 ? last : `${quoted.slice(0, -1).join(', ')} or ${last}`;
}

export class ProblemList {
  readonly found: Problem[] = [];
  readonly #file: string;
  readonly #locate: Locate;
  constructor(file: string, locate: Locate) {
    this.#file = file;
    this.#locate = locate;
  }

  add(path: Path, expected: string, seen: string, what: 'value' | 'key' = 'value'): void {
    this.found.push(problemAt(this.#file, this.#locate(path, what), path, expected, seen));
  }
}

/** In the order in which a reader meets them. */
export const inFileOrder = (problems: readonly Problem[]): readonly Problem[] =>
  [...problems].sort(
    (a, b) =>
      a.line - b.line || a.column - b.column || (a.message < b.message ? -1 : a.message > b.message ? 1 : 0),
  );
