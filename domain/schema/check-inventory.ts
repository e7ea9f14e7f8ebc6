import { bucketsOf, rangesOf } from '../bucket-ranges.ts';
import { checkKubernetes } from './check-kubernetes.ts';
import type { Inventory } from './inventory.ts';
import { oneOf, ProblemList, seenText } from './problem.ts';
import type { Locate, Path, Problem } from './problem.ts';

/** Members that stand in the file and are not in the inventory, because something is wrong with each of them. */
export type Broken = ReadonlyMap<Section, readonly string[]>;
export type Section = (typeof sections)[number];
export const sections = [
  'sites',
  'databases',
  'datasources',
  'configCenters',
  'collectors',
  'gateways',
  'hooks',
  'units',
] as const;

/**
 * What a schema cannot say: names that must exist elsewhere, places that must differ, sets that must fit.
 * @param broken those that may be named all the same; whether a set that lacks one fits cannot be told
 */
export function checkInventory(
  inventory: Inventory,
  file: string,
  locate: Locate,
  broken: Broken = new Map(),
): readonly Problem[] {
  const problems = new ProblemList(file, locate);
  const names = namesOf(inventory, broken);
  checkSites(inventory, names, problems);
  checkDatabases(inventory, names, problems);
  checkDatasources(inventory, names, problems);
  checkGateways(inventory, problems);
  if (!broken.has('gateways') && !broken.has('units')) checkRouting(inventory, problems);
  checkUnits(inventory, names, problems);
  checkBuckets(inventory, !broken.has('units'), problems);
  checkKubernetes(inventory, names, problems);
  return problems.found;
}

/** Which names a reference may use. */
export type Names = Readonly<Record<Section, readonly string[]>>;

function namesOf(inventory: Inventory, broken: Broken): Names {
  const tables = { ...inventory, units: inventory.routing?.units ?? {} };
  const entries = sections.map((section) => [
    section,
    [...Object.keys(tables[section]), ...(broken.get(section) ?? [])],
  ]);
  return Object.fromEntries(entries) as Names;
}

function mustExist(
  kind: string,
  known: readonly string[],
  name: string,
  path: Path,
  problems: ProblemList,
): void {
  if (known.includes(name)) return;
  problems.add(
    path,
    known.length === 0 ? `a ${kind}, of which there are none` : `a ${kind}: ${oneOf(known)}`,
    seenText(name),
  );
}

function checkSites(inventory: Inventory, names: Names, problems: ProblemList): void {
  for (const section of ['configCenters', 'collectors', 'gateways'] as const)
    for (const [name, member] of Object.entries(inventory[section]))
      mustExist('site', names.sites, member.site, [section, name, 'site'], problems);
}

function checkDatabases(inventory: Inventory, names: Names, problems: ProblemList): void {
  const addresses = new Map<string, string>();
  for (const [database, cluster] of Object.entries(inventory.databases)) {
    const path: Path = ['databases', database];
    for (const [node, { site, host, port }] of Object.entries(cluster.nodes)) {
      mustExist('site', names.sites, site, [...path, 'nodes', node, 'site'], problems);
      const address = `${host}:${port}`;
      const other = addresses.get(address);
      if (other !== undefined)
        problems.add([...path, 'nodes', node, 'port'], `an address of its own (${other} has it)`, address);
      addresses.set(address, `${database}/${node}`);
    }
    checkCluster(cluster, path, problems);
  }
}

function checkCluster(cluster: Inventory['databases'][string], path: Path, problems: ProblemList): void {
  const nodes = Object.values(cluster.nodes);
  const promotable = nodes.filter((node) => !node.neverPromote);
  const sites = new Set(promotable.map((node) => node.site));
  if (cluster.homeSite !== undefined && !sites.has(cluster.homeSite))
    problems.add(
      [...path, 'homeSite'],
      `a site with a node that may be primary: ${oneOf([...sites])}`,
      seenText(cluster.homeSite),
    );
  if (promotable.length === 0)
    problems.add([...path, 'nodes'], 'a node that may be primary', 'neverPromote on every node', 'key');
  else if (sites.size < 2)
    problems.add(
      [...path, 'nodes'],
      'nodes that may be primary in at least two sites',
      `only ${[...sites].join()}`,
      'key',
    );
  if (cluster.durability === 'semisync' && cluster.ackers > nodes.length - 1)
    problems.add(
      [...path, 'ackers'],
      `at most ${nodes.length - 1}, the replicas of ${nodes.length} nodes`,
      `${cluster.ackers}`,
    );
}

function checkDatasources(inventory: Inventory, names: Names, problems: ProblemList): void {
  const keys = new Map<string, string>();
  for (const [name, datasource] of Object.entries(inventory.datasources)) {
    const path: Path = ['datasources', name];
    mustExist('database', names.databases, datasource.database, [...path, 'database'], problems);
    for (const [index, { center, group, key }] of datasource.publishTo.entries()) {
      const place: Path = [...path, 'publishTo', index];
      mustExist('config center', names.configCenters, center, [...place, 'center'], problems);
      if (inventory.configCenters[center] === undefined) continue; // whether groups tell keys apart is its kind's
      const address =
        inventory.configCenters[center].kind === 'nacos' ? `${center} ${group} ${key}` : `${center} ${key}`;
      const other = keys.get(address);
      if (other !== undefined)
        problems.add([...place, 'key'], `a key of its own (${other} publishes there)`, seenText(key));
      keys.set(address, name);
    }
  }
}

function checkGateways(inventory: Inventory, problems: ProblemList): void {
  const agents = new Map<string, string>();
  for (const [name, { agent }] of Object.entries(inventory.gateways)) {
    const other = agents.get(agent);
    if (other !== undefined)
      problems.add(['gateways', name, 'agent'], `an agent of its own (${other} has it)`, seenText(agent));
    agents.set(agent, name);
  }
}

function checkRouting(inventory: Inventory, problems: ProblemList): void {
  const gateways = Object.keys(inventory.gateways).length;
  if (gateways > 0 && inventory.routing === undefined)
    problems.add(['routing'], 'the routing that the gateways enforce', 'nothing');
  if (gateways === 0 && inventory.routing !== undefined)
    problems.add(['routing'], 'at least one gateway that enforces it', 'no gateways', 'key');
}

function checkUnits({ routing }: Inventory, names: Names, problems: ProblemList): void {
  for (const [name, unit] of Object.entries(routing?.units ?? {})) {
    const path: Path = ['routing', 'units', name];
    mustExist('site', names.sites, unit.site, [...path, 'site'], problems);
    if (unit.takenOverBy === undefined) continue;
    mustExist('unit', names.units, unit.takenOverBy, [...path, 'takenOverBy'], problems);
    checkTakeover(routing?.units ?? {}, name, unit.takenOverBy, problems);
  }
}

/** @param isComplete whether all units are there */
function checkBuckets({ routing }: Inventory, isComplete: boolean, problems: ProblemList): void {
  if (routing === undefined) return;
  const owners = new Map<number, string>();
  let areRangesClear = isComplete;
  for (const [name, unit] of Object.entries(routing.units)) {
    const path: Path = ['routing', 'units', name];
    const result = bucketsOf(unit.buckets, routing.buckets);
    if (!result.ok) {
      problems.add([...path, 'buckets'], result.expected, seenText(unit.buckets));
      areRangesClear = false;
      continue;
    }
    const taken = result.buckets.filter((bucket) => owners.has(bucket));
    if (taken.length > 0)
      problems.add(
        [...path, 'buckets'],
        'buckets that no other unit has',
        `${rangesOf(taken)}, which ${taken.length === 1 ? 'is' : 'are'} also in ${[...new Set(taken.map((bucket) => owners.get(bucket)))].join(', ')}`,
      );
    for (const bucket of result.buckets) owners.set(bucket, name);
  }
  const missing = Array.from({ length: routing.buckets }, (_, bucket) => bucket).filter(
    (b) => !owners.has(b),
  );
  if (missing.length > 0 && areRangesClear)
    problems.add(
      ['routing', 'units'],
      `a unit for each of the ${routing.buckets} buckets`,
      `none for ${rangesOf(missing)}`,
      'key',
    );
}

/** Two units of two sites may take over from each other; a takeover inside one site would be lost with it. */
function checkTakeover(
  units: NonNullable<Inventory['routing']>['units'],
  name: string,
  takeover: string,
  problems: ProblemList,
): void {
  const place = ['routing', 'units', name, 'takenOverBy'];
  if (takeover === name) problems.add(place, 'another unit', 'the unit itself');
  else if (units[takeover]?.site === units[name]?.site && units[takeover] !== undefined)
    problems.add(
      place,
      'a unit in another site',
      `${takeover}, which stands in ${units[takeover].site}, too`,
    );
}
