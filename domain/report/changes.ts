import type { Json } from '../json.ts';

/** One value that a step found different after its work; null where there was nothing. */
export interface Change {
  /** From the outside in: `gw-1 › accepted › epoch`. */
  readonly where: string;
  readonly before: Json;
  readonly after: Json;
}

/** What tells the items of a list apart, whatever their order. */
const identities = ['name', 'gateway', 'center', 'pid', 'node', 'id'];

/** What a step changed, from what it observed before and after: the few lines that a reader looks for in both. */
export function changesBetween(before: Json, after: Json): readonly Change[] {
  return compare([], before, after);
}

function compare(path: readonly string[], before: Json, after: Json): readonly Change[] {
  const [one, other] = [members(before), members(after)];
  if (one === undefined || other === undefined) {
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ where: path.join(' › '), before, after }];
  }
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((key) => !isClock(key))
    .flatMap((key) => compare([...path, key], one.get(key) ?? null, other.get(key) ?? null));
}

/** How long something has lasted differs at every look, and is no change. */
const isClock = (key: string): boolean => key.endsWith('ForMs');

/** An object's members, or a list's items by their identity; undefined for what is compared as a whole. */
function members(value: Json): ReadonlyMap<string, Json> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const list = value as readonly Json[];
  const named = list.map((item) => [identityOf(item), item] as const);
  const isTold =
    named.every(([name]) => name !== '') && new Set(named.map(([name]) => name)).size === list.length;
  return list.length > 0 && isTold ? new Map(named) : undefined;
}

function identityOf(item: Json): string {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return '';
  for (const key of identities) {
    const value = (item as { readonly [key: string]: Json })[key];
    if (typeof value === 'string' || typeof value === 'number') return String(value);
  }
  return '';
}
