/**
 * Whether a live object already has everything that a manifest asks for. The server adds (defaults, other managers'
 * entries) and rewrites (quantities), so this is "contains", not "equals". A wrong "no" costs one patch that changes
 * nothing; a wrong "yes" would leave somebody's change in place, so whatever is doubtful is a no.
 */
export function covers(live: unknown, wanted: unknown, parent = ''): boolean {
  if (wanted === undefined || wanted === null) return live === undefined || live === null;
  if (Array.isArray(wanted)) return Array.isArray(live) && coversList(live, wanted);
  if (typeof wanted === 'object') {
    if (live === null || typeof live !== 'object' || Array.isArray(live)) return false;
    const members = live as Readonly<Record<string, unknown>>;
    const inside = resourceLists.has(parent) ? parent : undefined;
    return Object.entries(wanted).every(([key, value]) => covers(members[key], value, inside ?? key));
  }
  return live === wanted || (resourceLists.has(parent) && sameQuantity(live, wanted));
}

/** Members in which the server rewrites `1000m` to `1`. Elsewhere `1.10` and `1.1` are two different texts. */
const resourceLists = new Set(['requests', 'limits', 'hard', 'capacity']);

/** Keys that identify the entries of the lists which the server merges instead of replacing. */
const listKeys: readonly (readonly string[])[] = [
  ['containerPort', 'protocol'],
  ['port', 'protocol'],
  ['mountPath'],
  ['devicePath'],
  ['topologyKey', 'whenUnsatisfiable'],
  ['uid'],
  ['ip'],
  ['type'],
  ['name'],
];

function coversList(live: readonly unknown[], wanted: readonly unknown[]): boolean {
  const keys = listKeys.find((candidate) => identifies(candidate, wanted) && identifies(candidate, live));
  if (wanted.length > 0 && keys !== undefined) {
    const entries = new Map(live.map((entry) => [identity(keys, entry), entry]));
    return wanted.every((entry) => covers(entries.get(identity(keys, entry)), entry));
  }
  return live.length === wanted.length && wanted.every((entry, index) => covers(live[index], entry));
}

function identifies(keys: readonly string[], entries: readonly unknown[]): boolean {
  const all = entries.map((entry) => identity(keys, entry));
  return all.every((text) => text !== undefined) && new Set(all).size === all.length;
}

/** `protocol` may be left out in a manifest: the server fills in TCP. */
function identity(keys: readonly string[], entry: unknown): string | undefined {
  if (entry === null || typeof entry !== 'object') return undefined;
  const members = entry as Readonly<Record<string, unknown>>;
  const parts = keys.map((key) => members[key] ?? (key === 'protocol' ? 'TCP' : undefined));
  return parts.includes(undefined) ? undefined : JSON.stringify(parts);
}

function sameQuantity(live: unknown, wanted: unknown): boolean {
  const first = quantity(String(live));
  return first !== undefined && first === quantity(String(wanted));
}

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** The number behind a Kubernetes quantity, e.g. `500m` → 0.5; undefined for any other text. */
export function quantity(text: string): number | undefined {
  const match = /^([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(n|u|m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi|)$/.exec(text);
  const factor = match?.[2] === undefined ? undefined : suffixes[match[2]];
  return factor === undefined ? undefined : Number(match?.[1]) * factor;
}
