import { bucketsOf, rangesOf } from '../bucket-ranges.ts';
import { checkKubernetes } from './check-kubernetes.ts';
import type { Inventory } from './inventory.ts';
import { oneOf, ProblemList, seenText } from './problem.ts';
import type { Locate, Path, Problem } from './problem.ts';

/** What a schema cannot say: names that must exist elsewhere, places that must differ, sets that must fit. */
export function checkInventory(inventory: Inventory, file: string, locate: Locate): readonly Problem[] {
  const problems = new ProblemList(file, locate);
  checkSites(inventory, problems);
  checkDatabases(inventory, problems);
  checkDatasources(inventory, problems);
  checkGateways(inventory, problems);
  checkUnits(inventory, problems);
  checkKubernetes(inventory, problems);
  return problems.found;
}

function mustExist(kind: string, table: object, name: string, path: Path, problems: ProblemList): void {
  const known = Object.keys(table);
  if (known.includes(name)) return;
  problems.add(
    path,
    known.length === 0 ? `a ${kind}, of which there are none` : `a ${kind}: ${oneOf(known)}`,
    seenText(name),
  );
}

function checkSites(inventory: Inventory, problems: ProblemList): void {
  for (const section of ['configCenters', 'collectors', 'gateways'] as const)
    for (const [name, member] of Object.entries(inventory[section]))
      mustExist('site', inventory.sites, member.site, [section, name, 'site'], problems);
}

function checkDatabases(inventory: Inventory, problems: ProblemList): void {
  const addresses = new Map<string, string>();
  for (const [database, cluster] of Object.entries(inventory.databases)) {
    const path: Path = ['databases', database];
    for (const [node, { site, host, port }] of Object.entries(cluster.nodes)) {
      mustExist('site', inventory.sites, site, [...path, 'nodes', node, 'site'], problems);
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

function checkDatasources(inventory: Inventory, problems: ProblemList): void {
  const keys = new Map<string, string>();
  for (const [name, datasource] of Object.entries(inventory.datasources)) {
    const path: Path = ['datasources', name];
    mustExist('database', inventory.databases, datasource.database, [...path, 'database'], problems);
    for (const [index, { center, group, key }] of datasource.publishTo.entries()) {
      const place: Path = [...path, 'publishTo', index];
      mustExist('config center', inventory.configCenters, center, [...place, 'center'], problems);
      const address =
        inventory.configCenters[center]?.kind === 'nacos' ? `${center} ${group} ${key}` : `${center} ${key}`;
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
  const gateways = Object.keys(inventory.gateways).length;
  if (gateways > 0 && inventory.routing === undefined)
    problems.add(['routing'], 'the routing that the gateways enforce', 'nothing');
  if (gateways === 0 && inventory.routing !== undefined)
    problems.add(['routing'], 'at least one gateway that enforces it', 'no gateways', 'key');
}

function checkUnits(inventory: Inventory, problems: ProblemList): void {
  const { routing } = inventory;
  if (routing === undefined) return;
  const owners = new Map<number, string>();
  let areRangesClear = true;
  for (const [name, unit] of Object.entries(routing.units)) {
    const path: Path = ['routing', 'units', name];
    mustExist('site', inventory.sites, unit.site, [...path, 'site'], problems);
    checkTakeover(routing.units, name, path, problems);
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
  path: Path,
  problems: ProblemList,
): void {
  const takeover = units[name]?.takenOverBy;
  if (takeover === undefined) return;
  const place = [...path, 'takenOverBy'];
  mustExist('unit', units, takeover, place, problems);
  if (takeover === name) problems.add(place, 'another unit', 'the unit itself');
  else if (units[takeover]?.site === units[name]?.site && units[takeover] !== undefined)
    problems.add(
      place,
      'a unit in another site',
      `${takeover}, which stands in ${units[takeover].site}, too`,
    );
}
