/** One condition of a label selector, in the words of the API's own `matchExpressions`. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

const KEY = String.raw`((?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)`;
const VALUE = String.raw`([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?|)`;
const setForm = new RegExp(String.raw`^${KEY}\s+(in|notin)\s*\(([^()]*)\)$`);
const equalForm = new RegExp(String.raw`^${KEY}\s*(==?|!=)\s*${VALUE}$`);
const presenceForm = new RegExp(String.raw`^(!?)\s*${KEY}$`);

/** All conditions of a selector as kubectl takes it, e.g. `tier=service,team in (a,b),!draft`; undefined: it is none. */
export function parseSelector(text: string): readonly LabelRequirement[] | undefined {
  if (text.trim() === '') return [];
  const parts = text.split(/,(?![^(]*\))/).map((part) => requirementOf(part.trim()));
  return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part ?? []);
}

function requirementOf(text: string): LabelRequirement | undefined {
  const set = setForm.exec(text);
  if (set !== null) {
    const [, key = '', word, values = ''] = set;
    const operator = word === 'in' ? 'In' : 'NotIn';
    return { key, operator, values: values.split(',').map((value) => value.trim()) };
  }
  const equal = equalForm.exec(text);
  if (equal !== null) {
    const [, key = '', sign, value = ''] = equal;
    return { key, operator: sign === '!=' ? 'NotIn' : 'In', values: [value] };
  }
  const presence = presenceForm.exec(text);
  if (presence === null) return undefined;
  const [, not, key = ''] = presence;
  return { key, operator: not === '!' ? 'DoesNotExist' : 'Exists' };
}

export const matchesLabels = (
  requirements: readonly LabelRequirement[],
  labels: Readonly<Record<string, string>>,
): boolean => requirements.every((one) => isMet(one, labels[one.key]));

function isMet({ operator, values = [] }: LabelRequirement, value: string | undefined): boolean {
  const isThere = value !== undefined;
  const isListed = isThere && values.includes(value);
  return { In: isListed, NotIn: !isListed, Exists: isThere, DoesNotExist: !isThere }[operator];
}

const opposite = { In: 'NotIn', NotIn: 'In', Exists: 'DoesNotExist', DoesNotExist: 'Exists' } as const;

/** What a selector leaves out: whatever fails one of its conditions. */
export const negated = (requirements: readonly LabelRequirement[]): readonly LabelRequirement[] =>
  requirements.map((requirement) => ({ ...requirement, operator: opposite[requirement.operator] }));
