import type { Json } from '../json.ts';

const whole = /^\$\{([^${}]*)\}$/;
const anywhere = /\$\{([^${}]*)\}/g;

/** Names of the parameters that a value stands for, in the order of appearance. */
export function placeholdersIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [...value.matchAll(anywhere)].map((match) => match[1] ?? '');
  if (Array.isArray(value)) return value.flatMap(placeholdersIn);
  if (value !== null && typeof value === 'object') return Object.values(value).flatMap(placeholdersIn);
  return [];
}

/** `"${count}"` becomes the value itself, with its type; inside a longer text it becomes text. */
export function substitute(value: Json, valueOf: (name: string) => Json | undefined): Json | undefined {
  if (typeof value === 'string') {
    const name = whole.exec(value)?.[1];
    if (name !== undefined) return valueOf(name);
    return substituteText(value, valueOf);
  }
  if (Array.isArray(value)) return value.map((item: Json) => substitute(item, valueOf) ?? null);
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).map(([key, member]) => [key, substitute(member, valueOf)] as const);
    // An optional parameter that was not given leaves its key out, so that the default of the schema counts.
    return Object.fromEntries(members.filter((entry): entry is [string, Json] => entry[1] !== undefined));
  }
  return value;
}

export const substituteText = (text: string, valueOf: (name: string) => Json | undefined): string =>
  text.replace(anywhere, (_, inside: string) => textOf(valueOf(inside)));

const textOf = (value: Json | undefined): string =>
  value === undefined || value === null
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
