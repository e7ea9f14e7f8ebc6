import type { z } from 'zod';
import { sections, type Broken, type Section } from './check-inventory.ts';
import type { Path } from './problem.ts';

/** Places of the members, e.g. `databases.orders` or `routing.units.a`, by their section. */
const placeOf = (section: Section): Path => (section === 'units' ? ['routing', 'units'] : [section]);

/**
 * What is left of an inventory without the members that a schema finds something wrong with: the rest can be checked
 * further, so that its author reads of everything at once.
 * @returns undefined where something is wrong that is no member's
 */
export function soundPart(
  data: unknown,
  issues: readonly z.core.$ZodIssue[],
): { readonly rest: unknown; readonly broken: Broken } | undefined {
  const rest = structuredClone(data);
  const broken = new Map<Section, string[]>();
  for (const issue of issues) {
    const { path } = issue;
    if (path.length === 0 && issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) Reflect.deleteProperty(rest as object, key);
      continue;
    }
    if (path[0] === 'domain') {
      Reflect.set(rest as object, 'domain', 'unnamed'); // nothing else refers to it
      continue;
    }
    const section = sections.find((one) => isBelow(path, placeOf(one)));
    if (section === undefined) return undefined;
    const place = placeOf(section);
    const name = String(path[place.length]);
    const table = place.reduce<unknown>((inside, part) => Reflect.get(inside as object, part), rest);
    Reflect.deleteProperty(table as object, name);
    broken.set(section, [...(broken.get(section) ?? []), name]);
  }
  return { rest, broken };
}

const isBelow = (path: readonly PropertyKey[], place: Path): boolean =>
  path.length > place.length && place.every((part, index) => path[index] === part);
