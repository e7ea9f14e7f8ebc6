import { readFileSync } from 'node:fs';
import { loadInventory } from '../../domain/schema/load.ts';
import type { Datasource, Inventory } from '../../domain/schema/inventory.ts';
import { asAccount, runStatements, type Account } from '../engines/database-server.ts';
import { attachReplica, openPrimary } from '../engines/topology.ts';
import { publishFirst } from '../sites/publish-first.ts';
import { writesTable } from '../unit-app/write-handler.ts';
import { planCluster } from './cluster-state.ts';
import { composedCluster, stateOf, type ComposedCluster } from './composed-cluster.ts';
import { isPublished, type Place } from './published.ts';

const inventoryFile = process.env['SITESHIFT_INVENTORY'] ?? 'siteshift.yaml';

/**
 * The one-shot service of docker-compose.yml, `node lab/compose/prepare.ts`: brings fresh clusters up, opens them again
 * after a restart of everything, and publishes the first datasources. Safe to run at any time: what is in use stays.
 */
async function main(): Promise<void> {
  const inventory = readInventory();
  const primaries = new Map<string, string>();
  const unpublished: string[] = [];
  for (const [name, datasource] of Object.entries(inventory.datasources)) {
    const cluster = clusterOf(name, datasource, inventory);
    primaries.set(datasource.database, await bringUp(cluster, datasource.schema));
    const places = placesOf(datasource, inventory);
    const published = await Promise.all(places.map((place) => isPublished(place)));
    if (!published.every(Boolean)) unpublished.push(name);
  }
  await publishFirst(inventoryFile, primaries, unpublished);
  for (const name of unpublished) console.log(`${name}: published`);
}

function readInventory(): Inventory {
  const loaded = loadInventory(readFileSync(inventoryFile), inventoryFile);
  if (loaded.ok) return loaded.value;
  throw new Error(loaded.problems.map((problem) => JSON.stringify(problem)).join('\n'));
}

function clusterOf(name: string, { database, ...application }: Datasource, { databases }: Inventory) {
  const cluster = databases[database];
  if (cluster === undefined) throw new Error(`datasource ${name}: no database ${database} in the inventory`);
  return composedCluster(database, cluster, {
    admin: resolved(cluster.admin),
    replication: resolved(cluster.replication),
    application: resolved(application),
  });
}

function resolved({ user, password }: Account): Account {
  const variable = password.replace(/^env:/, '');
  const value = process.env[variable];
  if (value === undefined)
    throw new Error(`password of ${user}: expected the variable ${variable}, seen none`);
  return { user, password: value };
}

/** @returns the primary: the one that it opened, with the application's table, or that was open already */
async function bringUp(cluster: ComposedCluster, schema: string): Promise<string> {
  const { name, accounts, nodes } = cluster;
  const states = await Promise.all([...nodes.values()].map((node) => stateOf(node, accounts)));
  const plan = planCluster(states);
  if (plan.kind === 'leave') {
    console.log(`${name}: ${plan.because}; left as it is`);
    return states.find(({ isOpen }) => isOpen)?.name ?? '';
  }
  if (plan.kind === 'refuse')
    throw new Error(
      `${name}: nothing was opened: ${plan.because}. Let siteshift do it, or start over: docker compose down -v`,
    );
  const primary = nodeNamed(cluster, plan.primary);
  const replicas = plan.attach.map((node) => nodeNamed(cluster, node));
  await Promise.all(replicas.map((replica) => attachReplica({ replica, source: primary, accounts })));
  await openPrimary({ primary, accounts, ackers: cluster.durability === 'semisync' ? replicas.length : 0 });
  console.log(`${name}: ${plan.primary} is open, replicated by ${plan.attach.join(' and ')}`);
  await createTable(cluster, plan.primary, schema);
  return plan.primary;
}

const createTable = (cluster: ComposedCluster, primary: string, schema: string): Promise<void> =>
  asAccount(nodeNamed(cluster, primary), cluster.accounts.application, (connection) =>
    runStatements(connection, [[`USE ??`, [schema]], writesTable]),
  );

function nodeNamed({ name, nodes }: ComposedCluster, node: string) {
  const found = nodes.get(node);
  if (found === undefined) throw new Error(`${name} has no node ${node}`);
  return found;
}

function placesOf({ publishTo }: Datasource, { configCenters }: Inventory): readonly Place[] {
  return publishTo.map(({ center, group, key }): Place => {
    const found = configCenters[center];
    if (found?.kind === 'nacos') return { nacosUrl: found.url, group, key };
    const etcdUrl = found?.endpoints[0];
    if (etcdUrl === undefined) throw new Error(`no config center ${center} in the inventory`);
    return { etcdUrl, key };
  });
}

await main();
