import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Json } from '../../domain/json.ts';
import type { Account } from '../engines/database-server.ts';
import {
  appsOf,
  bucketCount,
  dataSites,
  domain,
  edge,
  etcdKey,
  homes,
  leaseMs,
  nacosKey,
  schema,
  userHeader,
} from './layout.ts';
import type { LabCluster } from './start-databases.ts';

/** Where things listen, as far as the inventory names it. */
export interface Addresses {
  readonly nacosUrl?: string;
  readonly etcdUrl: string;
  readonly collectors: Readonly<Record<string, string>>;
  readonly gateways: Readonly<Record<string, { readonly agent: string; readonly endpoint: string }>>;
  /** The section of that name, where the lab has clusters. */
  readonly kubernetes?: Json;
}

/** How many consumers a datasource of the lab has, over both sites. */
export const consumersPerDatasource = dataSites.flatMap(appsOf).length;

/** Writes siteshift.yaml and the secret files beside it, as an operator would. @returns the inventory's path */
export function writeInventory(
  folder: string,
  clusters: readonly LabCluster[],
  addresses: Addresses,
): string {
  mkdirSync(join(folder, 'secrets'), { recursive: true, mode: 0o700 });
  const secret = (file: string, value: string): string => {
    writeFileSync(join(folder, 'secrets', file), value, { mode: 0o600 });
    return `file:${join(folder, 'secrets', file)}`;
  };
  const account = (database: string, role: string, { user, password }: Account) => ({
    user,
    password: secret(`${database}-${role}`, password),
  });

  const inventory = {
    version: 1,
    domain,
    sites: {
      east: {},
      west: {},
      [edge]: { description: 'gateways, config centers, Temporal; not lost with a site' },
    },
    databases: Object.fromEntries(
      clusters.map((cluster) => [
        cluster.name,
        {
          engine: cluster.engine,
          durability: cluster.durability,
          homeSite: 'east',
          nodes: Object.fromEntries(
            [...cluster.nodes].map(([name, { layout, host, front }]) => [
              name,
              { site: layout.site, host, port: front },
            ]),
          ),
          admin: account(cluster.name, 'admin', cluster.accounts.admin),
          replication: account(cluster.name, 'replication', cluster.accounts.replication),
        },
      ]),
    ),
    configCenters: {
      ...(addresses.nacosUrl === undefined
        ? {}
        : { nacos: { kind: 'nacos', site: edge, url: addresses.nacosUrl } }),
      etcd: { kind: 'etcd', site: edge, endpoints: [addresses.etcdUrl] },
    },
    datasources: Object.fromEntries(
      clusters.map(({ name, accounts }) => [
        name,
        {
          database: name,
          schema,
          ...account(name, 'app', accounts.application),
          publishTo:
            name === 'orders' && addresses.nacosUrl !== undefined
              ? [{ center: 'nacos', ...nacosKey }]
              : [{ center: 'etcd', key: etcdKey(name) }],
        },
      ]),
    ),
    collectors: Object.fromEntries(
      Object.entries(addresses.collectors).map(([site, url]) => [site, { site, url }]),
    ),
    gateways: Object.fromEntries(
      Object.entries(addresses.gateways).map(([name, { agent, endpoint }]) => [
        name,
        { site: edge, agent, endpoint },
      ]),
    ),
    routing: {
      buckets: bucketCount,
      header: userHeader,
      leaseMs,
      // A write, as users make it: a read would also be served by a unit whose database is closed.
      probe: { path: '/writes', method: 'POST', body: '{"probe": true}' },
      units: {
        east: { site: 'east', buckets: `${homes.east.first}-${homes.east.last}`, takenOverBy: 'west' },
        west: { site: 'west', buckets: `${homes.west.first}-${homes.west.last}`, takenOverBy: 'east' },
      },
    },
    ...(addresses.kubernetes === undefined ? {} : { kubernetes: addresses.kubernetes }),
    policy: { approval: 'never' },
  };
  const file = join(folder, 'siteshift.yaml');
  writeFileSync(file, `# The lab's inventory, written when it started.\n${stringify(inventory)}`);
  return file;
}
