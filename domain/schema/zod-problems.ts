import { z } from 'zod';
import { oneOf, ProblemList, seenText } from './problem.ts';
import type { Locate, Path, Problem } from './problem.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/**
 * Given to `safeParse`: the validator says which key it did not know, not which keys it knows. They are read from
 * the schema here, while it is still at hand.
 */
export function knownKeys(issue: RawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const schema: unknown = issue.inst;
  const shape: unknown = schema instanceof z.ZodObject ? schema.shape : {};
  return oneOf(Object.keys(shape ?? {}));
}

/** Every issue of a validation as a problem with its place in the file. */
export function problemsOf(
  issues: readonly Issue[],
  data: unknown,
  file: string,
  locate: Locate,
  under: Path = [],
): readonly Problem[] {
  const problems = new ProblemList(file, locate);
  for (const issue of issues) describe(issue, under, [], data, problems);
  return problems.found;
}

const nowhere: Locate = () => ({ line: 1, column: 1 });

/** The same for a message, which has no lines: `path: expected …, saw …`, or as `whole` where it is all of it. */
export const sentencesOf = (issues: readonly Issue[], data: unknown, whole: string): readonly string[] =>
  problemsOf(issues, data, '', nowhere).map(
    ({ path, expected, seen }) => `${path || whole}: expected ${expected}, saw ${seen}`,
  );

const plainPath = (path: readonly PropertyKey[]): Path =>
  path.map((part) => (typeof part === 'number' ? part : String(part)));

/** @param inside path from `data` to where the issue's own path starts */
function describe(issue: Issue, under: Path, inside: Path, data: unknown, problems: ProblemList): void {
  const path = [...inside, ...plainPath(issue.path)];
  const value = valueAt(data, path);
  const place = [...under, ...path];
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys)
        problems.add([...place, key], `one of the keys ${issue.message}`, `the key ${seenText(key)}`, 'key');
      return;
    case 'invalid_key': {
      const reason = issue.issues[0]?.message ?? 'another key';
      return problems.add(place, reason, `the key ${seenText(String(path.at(-1)))}`, 'key');
    }
    case 'invalid_union':
      if (issue.discriminator !== undefined)
        return problems.add(place, oneOf(readOptions(issue)), seenText(value));
      return describeUnion(issue, under, path, data, problems);
    case 'invalid_type':
      return problems.add(place, typeName(issue.expected), seenAt(place, value));
    case 'invalid_value':
      return problems.add(place, oneOf(issue.values), seenAt(place, value));
    case 'too_small':
      return problems.add(place, limitText('at least', issue.origin, issue.minimum), seenAt(place, value));
    case 'too_big':
      return problems.add(place, limitText('at most', issue.origin, issue.maximum), seenAt(place, value));
    case 'custom':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_element':
      return problems.add(place, issue.message, seenAt(place, value));
  }
}

/** A value is quoted back unless it stands where a secret may stand, or carries one. */
function seenAt(path: Path, value: unknown): string {
  const isSecretPlace = ['password', 'token'].includes(String(path.at(-1))) || path[0] === 'gatewayTls';
  const isPlain = value === null || value === undefined || typeof value === 'object';
  if (isSecretPlace && !isPlain) return `a ${typeof value} that is not shown here`;
  if (typeof value === 'string' && /\/\/[^/?#]*@/.test(value)) return 'a URL with a user in it';
  return seenText(value);
}

const readOptions = (issue: object): readonly unknown[] => {
  const options: unknown = Reflect.get(issue, 'options');
  return Array.isArray(options) ? options : [];
};

/** Of several alternatives, the one that the writer most likely meant: whose outer shape fits. */
function describeUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  under: Path,
  path: Path,
  data: unknown,
  problems: ProblemList,
): void {
  const place = [...under, ...path];
  const value = valueAt(data, path);
  const fits = issue.errors.filter(
    (branch) => !branch.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
  );
  if (fits.length > 1) {
    const keys = fits.flatMap((branch) =>
      branch.flatMap((inner) => (inner.code === 'unrecognized_keys' ? inner.message : [])),
    );
    return problems.add(place, `a map with the key ${keys.join(' or ')}`, seenText(value));
  }
  if (fits[0] !== undefined) {
    for (const inner of fits[0]) describe(inner, under, path, data, problems);
    return;
  }
  const shapes = issue.errors.flatMap((branch) =>
    branch.map((inner) => (inner.code === 'invalid_type' ? typeName(inner.expected) : inner.message)),
  );
  problems.add(place, [...new Set(shapes)].join(' or '), seenText(value));
}

const typeNames: { readonly [type: string]: string } = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};
const typeName = (type: string): string => typeNames[type] ?? type;

function limitText(relation: 'at least' | 'at most', origin: string, limit: number | bigint): string {
  const count = `${relation} ${limit}`;
  if (origin === 'string') return `${count} ${limit === 1 ? 'character' : 'characters'}`;
  if (origin === 'array' || origin === 'set') return `${count} ${limit === 1 ? 'item' : 'items'}`;
  return `a number of ${count}`;
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}
