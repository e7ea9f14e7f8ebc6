/**
 * The lab's deployment: two data sites that can be lost, and an edge (gateways, config centers, Temporal, worker)
 * that stands in neither. `orders` runs on MySQL and is published in Nacos, `payments` on MariaDB and in etcd.
 */
export const dataSites = ['east', 'west'] as const;
export type DataSite = (typeof dataSites)[number];

export const edge = 'edge';
export const domain = 'shop';
export const schema = 'app';
/** Beside the applications' table: what the watch writes to see whether a node acknowledges. */
export const probesTable = 'CREATE TABLE probes (id BIGINT AUTO_INCREMENT PRIMARY KEY)';
export const bucketCount = 100;
export const leaseMs = 2_000;
export const userHeader = 'x-user-id';

/** East serves most users; the rest live in the west. */
export const homes: Readonly<Record<DataSite, { readonly first: number; readonly last: number }>> = {
  east: { first: 0, last: 59 },
  west: { first: 60, last: 99 },
};

export const databaseNames = ['orders', 'payments'] as const;
export type DatabaseName = (typeof databaseNames)[number];

export interface NodeLayout {
  readonly name: string;
  readonly site: DataSite;
  readonly serverId: number;
}

/** One primary in the east and two standbys in the west: after losing the east, a promoted one still has an acker. */
export const nodesOf = (database: DatabaseName): readonly NodeLayout[] => [
  { name: `${database}-east-1`, site: 'east', serverId: 11 },
  { name: `${database}-west-1`, site: 'west', serverId: 21 },
  { name: `${database}-west-2`, site: 'west', serverId: 22 },
];

export const gatewayNames = ['gw-1', 'gw-2', 'gw-3'] as const;

/** Two application processes a unit; each follows both datasources. */
export const appsOf = (site: DataSite): readonly string[] => [`app-${site}-1`, `app-${site}-2`];

/** Where a datasource is published, in either config center. */
export const nacosKey = { group: 'DATASOURCES', key: 'orders.json' } as const;
export const etcdKey = (database: string): string => `/datasources/${database}`;

export const searchAttributes = {
  DrDomain: 'Keyword',
  DrRunbook: 'Keyword',
  DrPhase: 'Keyword',
  DrMode: 'Keyword',
  DrOutcome: 'Keyword',
  DrFrom: 'Keyword',
  DrTo: 'Keyword',
} as const;
