import { bucketsOf, rangesOf } from './bucket-ranges.ts';
import type { ObservedTopology } from './plan.ts';
import type { RoutingTable } from './routing.ts';
import type { Routing } from './schema/inventory.ts';
import type { UnitSelector } from './schema/step-with.ts';

export interface UnitMove {
  readonly current: RoutingTable;
  readonly wanted: RoutingTable;
  /** Units that lose buckets. */
  readonly leaving: readonly string[];
  /** Unit -> buckets that it shall serve after the move, those included that an earlier run has moved already. */
  readonly arriving: ReadonlyMap<string, readonly number[]>;
  readonly moved: readonly number[];
}

export type UnitMoveResult =
  | { readonly ok: true; readonly move: UnitMove }
  | { readonly ok: false; readonly expected: string; readonly seen: string };

/** The table as the gateways enforce it; the homes of the inventory where no gateway could be asked. */
export function currentTable(routing: Routing, observed: ObservedTopology): RoutingTable {
  return observed.routing?.table ?? homesOf(routing).map((unit) => ({ unit, state: 'open' }));
}

/** bucket -> unit, as the inventory has it. */
export function homesOf(routing: Routing): readonly string[] {
  const homes = Array.from({ length: routing.buckets }, () => '');
  for (const [name, unit] of Object.entries(routing.units)) {
    const result = bucketsOf(unit.buckets, routing.buckets);
    if (result.ok) for (const bucket of result.buckets) homes[bucket] = name;
  }
  return homes;
}

/** Which buckets move where. Pure: the same observation gives the same tables. */
export function moveUnits(
  routing: Routing,
  current: RoutingTable,
  select: UnitSelector,
  to: string,
): UnitMoveResult {
  const broken = unknownIn(routing, current, select);
  if (broken !== undefined) return { ok: false, ...broken };
  const homes = homesOf(routing);
  const siteOf = (unit: string): string | undefined => routing.units[unit]?.site;
  const arriving = new Map<string, number[]>();
  const moved: number[] = [];
  const wanted = [...current];
  for (const [bucket, rule] of current.entries()) {
    const home = homes[bucket] ?? rule.unit;
    if (!isSelected(select, rule.unit, home, siteOf, to)) continue;
    const isThere = siteOf(rule.unit) === to && rule.state === 'open';
    const unit = isThere ? rule.unit : destination(routing, rule.unit, home, to);
    if (unit === undefined) return { ok: false, ...noDestination(routing, rule.unit, to) };
    arriving.set(unit, [...(arriving.get(unit) ?? []), bucket]);
    if (unit === rule.unit && rule.state === 'open') continue;
    moved.push(bucket);
    wanted[bucket] = { unit, state: 'open' };
  }
  const leaving = [...new Set(moved.map((bucket) => current[bucket]?.unit ?? ''))].sort();
  return { ok: true, move: { current, wanted, leaving, arriving, moved } };
}

/**
 * Selected are the buckets that are served where the selector says, and those that an earlier, unfinished run has
 * brought to the target already: a repeated run checks and completes them.
 */
function isSelected(
  select: UnitSelector,
  unit: string,
  home: string,
  siteOf: (unit: string) => string | undefined,
  to: string,
): boolean {
  if (Array.isArray(select)) return select.includes(unit) || (select.includes(home) && siteOf(unit) === to);
  if ('homeAt' in select) return siteOf(home) === select.homeAt;
  return siteOf(unit) === select.at || (siteOf(home) === select.at && siteOf(unit) === to);
}

/** Home when the home is in the target site, else the unit that takes over, else the only unit there is. */
function destination(routing: Routing, unit: string, home: string, to: string): string | undefined {
  if (routing.units[home]?.site === to) return home;
  const takeover = routing.units[unit]?.takenOverBy;
  if (takeover !== undefined && routing.units[takeover]?.site === to) return takeover;
  const there = Object.keys(routing.units).filter((name) => routing.units[name]?.site === to);
  return there.length === 1 ? there[0] : undefined;
}

function noDestination(routing: Routing, unit: string, to: string): { expected: string; seen: string } {
  const there = Object.keys(routing.units).filter((name) => routing.units[name]?.site === to);
  const takeover = routing.units[unit]?.takenOverBy;
  return {
    expected: `a unit in ${to} that takes over from ${unit}`,
    seen: `${there.length === 0 ? 'no unit there' : there.join(', ')}, and takenOverBy is ${takeover ?? 'not set'}`,
  };
}

function unknownIn(
  routing: Routing,
  current: RoutingTable,
  select: UnitSelector,
): { expected: string; seen: string } | undefined {
  if (current.length !== routing.buckets)
    return {
      expected: `${routing.buckets} buckets at the gateways`,
      seen: `${current.length} in the table they enforce`,
    };
  const strangers = current.flatMap((rule, bucket) =>
    Object.hasOwn(routing.units, rule.unit) ? [] : [bucket],
  );
  if (strangers.length > 0)
    return {
      expected: 'units of the inventory in the table that the gateways enforce',
      seen: `${current[strangers[0] ?? 0]?.unit} for ${rangesOf(strangers)}`,
    };
  const unknown = Array.isArray(select) ? select.filter((unit) => !Object.hasOwn(routing.units, unit)) : [];
  return unknown.length === 0
    ? undefined
    : { expected: `units: ${Object.keys(routing.units).join(', ')}`, seen: unknown.join(', ') };
}
