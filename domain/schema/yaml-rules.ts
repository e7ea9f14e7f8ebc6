import { isAlias, isNode, isScalar, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import { seenText } from './problem.ts';

/** What YAML allows and an inventory or a runbook does not: found in the tree, before it becomes data. */
export interface BrokenRule {
  readonly offset: number;
  readonly expected: string;
  readonly seen: string;
}

/** More brackets inside each other than a person writes; the parser itself would run out of stack. */
export const deepestNesting = 100;

/** Depth of brackets; those inside quotes count, too, which only matters far beyond what people write. */
export function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === '[' || character === '{') depth += 1;
    else if ((character === ']' || character === '}') && depth > 0) depth -= 1;
    if (depth > deepest) deepest = depth;
  }
  return deepest;
}

/** Keys that are no names, keys that are equal as text, and aliases to nothing or to what they stand in. */
export function brokenRules(document: Document.Parsed): readonly BrokenRule[] {
  const broken: BrokenRule[] = [];
  const add = (node: unknown, expected: string, seen: string): void => {
    broken.push({ offset: (isNode(node) ? node.range?.[0] : undefined) ?? 0, expected, seen });
  };
  visit(document, {
    Map(_, map) {
      const keys = new Set<string>();
      for (const { key } of map.items) {
        const text = isScalar(key) ? String(key.value) : undefined;
        if (text === undefined) add(key, 'a name as key', 'a list or a map');
        else if (text === '__proto__') add(key, 'another key', seenText(text));
        else if (keys.has(text)) add(key, 'each key once', `${seenText(text)} again`);
        keys.add(text ?? '');
      }
    },
    Alias(_, alias) {
      const target: Node | undefined = alias.resolve(document);
      if (target === undefined) add(alias, 'an anchor of that name before the alias', `*${alias.source}`);
      else if (!isAlias(target) && isInside(alias, target))
        add(alias, 'an alias to something else', `*${alias.source} inside &${alias.source}`);
    },
  });
  return broken;
}

function isInside(inner: Node, outer: Node): boolean {
  const at = inner.range?.[0];
  return at !== undefined && outer.range != null && outer.range[0] <= at && at < outer.range[2];
}
