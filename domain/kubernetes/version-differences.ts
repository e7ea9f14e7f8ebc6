import { canonicalJson } from '../json.ts';
import { contentDigest } from './marks.ts';
import { keyOf, nameOf, type KubernetesObject } from './object.ts';

/** What differs between two versions of a service, object by object. */
export interface VersionDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly object: string; readonly fields: readonly FieldDifference[] }[];
}
export interface FieldDifference {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

export function differences(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): VersionDifference {
  const old = new Map(before.map((object) => [keyOf(object), object]));
  const now = new Map(after.map((object) => [keyOf(object), object]));
  const shared = [...now].flatMap(([key, object]) => {
    const former = old.get(key);
    const isSame = former === undefined || contentDigest(former) === contentDigest(object);
    return isSame ? [] : [{ object: nameOf(object), fields: fieldDifferences(former, object, '') }];
  });
  return {
    added: [...now].filter(([key]) => !old.has(key)).map(([, object]) => nameOf(object)),
    removed: [...old].filter(([key]) => !now.has(key)).map(([, object]) => nameOf(object)),
    changed: shared,
  };
}

function fieldDifferences(before: unknown, after: unknown, path: string): readonly FieldDifference[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  const bothAre = (test: (value: unknown) => boolean) => test(before) && test(after);
  if (
    bothAre(Array.isArray) ||
    bothAre((value) => value !== null && typeof value === 'object' && !Array.isArray(value))
  ) {
    const [first, second] = [before as Record<string, unknown>, after as Record<string, unknown>];
    const keys = [...new Set([...Object.keys(first), ...Object.keys(second)])];
    return keys.flatMap((key) =>
      fieldDifferences(first[key], second[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return [{ path, before: before ?? null, after: after ?? null }];
}
