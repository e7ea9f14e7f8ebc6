import type { Json } from '../json.ts';
import type { Style } from '../step.ts';
import type { Inventory } from './inventory.ts';
import type { Loaded } from './load.ts';
import { placeholdersIn } from './placeholders.ts';
import { inFileOrder, oneOf, ProblemList, seenText } from './problem.ts';
import type { Path, Problem } from './problem.ts';
import type { Runbook } from './runbook.ts';

type Kind =
  'site' | 'database' | 'datasource' | 'unit' | 'hook' | 'backup location' | 'manifest store' | 'host';

/** Where a step's `with` names something of the inventory; a list under a key names several. */
const places: readonly { readonly path: readonly string[]; readonly kind: Kind }[] = [
  { path: ['to'], kind: 'site' },
  { path: ['from'], kind: 'site' },
  { path: ['at'], kind: 'site' },
  ...['units', 'databases', 'datasources'].flatMap((key) =>
    ['at', 'homeAt', 'primaryAt'].map((inner) => ({ path: [key, inner], kind: 'site' as const })),
  ),
  { path: ['units'], kind: 'unit' },
  { path: ['databases'], kind: 'database' },
  { path: ['datasources'], kind: 'datasource' },
  { path: ['datasources', 'of'], kind: 'database' },
  { path: ['hook'], kind: 'hook' },
  { path: ['location'], kind: 'backup location' },
  { path: ['store'], kind: 'manifest store' },
  { path: ['hosts'], kind: 'host' },
];

/**
 * Names that a runbook itself writes down and that the inventory lacks: such a runbook never becomes a plan, whatever the
 * request says. What stands for a parameter is judged when the request is known.
 * @param style leaves out what only runs of the other style do: an emergency is not stopped by a mistake in their steps
 */
export function checkReferences(
  runbook: Loaded<Runbook>,
  inventory: Inventory,
  style?: Style,
): readonly Problem[] {
  const problems = new ProblemList(runbook.file, runbook.locate);
  const judge = (kind: Kind, name: unknown, path: Path): void => {
    const known = namesOf(kind, inventory);
    if (known === undefined || typeof name !== 'string' || placeholdersIn(name).length > 0) return;
    if (known.includes(name)) return;
    const expected = known.length === 0 ? `a ${kind}, of which there are none` : `a ${kind}: ${oneOf(known)}`;
    problems.add(path, expected, seenText(name));
  };
  for (const [name, { type, default: value }] of Object.entries(runbook.value.parameters))
    if (type === 'site') judge('site', value, ['parameters', name, 'default']);
  for (const [index, step] of runbook.value.steps.entries()) {
    if (style !== undefined && step.only !== undefined && step.only !== style) continue;
    for (const { path, kind } of places) {
      const named = valueAt(step.with, path);
      const place: Path = ['steps', index, 'with', ...path];
      if (Array.isArray(named)) named.forEach((name, position) => judge(kind, name, [...place, position]));
      else judge(kind, named, place);
    }
  }
  return inFileOrder(problems.found);
}

/** Undefined where the inventory has no such section: the step then stands for nothing, which is no mistake. */
function namesOf(kind: Kind, inventory: Inventory): readonly string[] | undefined {
  const { sites, databases, datasources, routing, hooks, kubernetes } = inventory;
  const tables: { readonly [kind in Kind]: object | undefined } = {
    site: sites,
    database: databases,
    datasource: datasources,
    unit: routing?.units,
    hook: hooks,
    'backup location': kubernetes?.backupLocations,
    'manifest store': kubernetes?.manifestStores,
    host: kubernetes?.meshHosts,
  };
  const table = tables[kind];
  return table === undefined ? undefined : Object.keys(table);
}

function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let inner: Json | undefined = value;
  for (const key of path) {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return undefined;
    inner = Object.hasOwn(inner, key) ? (inner as { readonly [key: string]: Json })[key] : undefined;
    if (inner === undefined) return undefined;
  }
  return inner;
}
