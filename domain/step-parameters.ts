import type {
  Collector,
  ConfigCenter,
  DatabaseCluster,
  Datasource,
  Gateway,
  Routing,
  Tls,
} from './schema/inventory.ts';
import type { RoutingTable } from './routing.ts';

/**
 * What the compiler puts into a plan step, kind by kind: self-contained, so that what runs is what was approved,
 * whatever the inventory file says by then. Secrets are references; the activity resolves them when it uses them.
 */
export interface GatewayParameters {
  readonly routing: Routing;
  readonly gateways: { readonly [name: string]: Gateway };
  readonly tls?: Tls;
}

/** Buckets that leave their unit: the table as observed when the plan was made, and as it shall be. */
export interface MoveUnitsParameters extends GatewayParameters {
  readonly current: RoutingTable;
  readonly wanted: RoutingTable;
}

/** claimEpoch takes no snapshot and changes no traffic: promises only. */
export interface ClaimEpochParameters extends GatewayParameters {
  readonly databases: { readonly [name: string]: DatabaseCluster };
  /** Units that the run is about, for the sentence in the timeline; a claim stops no traffic. */
  readonly units: readonly string[];
  /** The claimed epoch shall be higher than this one, e.g. the highest in the databases' journals. */
  readonly floorEpoch?: number;
}

export interface PromoteDatabaseParameters {
  readonly database: string;
  readonly cluster: DatabaseCluster;
  /** Node observed as primary when the plan was made. */
  readonly primary: string;
  readonly toSite: string;
  /** Site that is being left or lost; its nodes are neither candidates nor waited for when forced. */
  readonly fromSite: string;
  readonly acceptableLossTransactions: number;
}

export interface PushDatasourceParameters {
  readonly name: string;
  readonly datasource: Datasource;
  readonly cluster: DatabaseCluster;
  readonly centers: { readonly [name: string]: ConfigCenter };
  readonly collectors: { readonly [name: string]: Collector };
  readonly fromSite: string;
  readonly toSite: string;
}

export interface VerifyEndpointParameters extends GatewayParameters {
  readonly path: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly body?: string;
  readonly expectStatus: number;
  /** Users per moved unit that are tried through every gateway. */
  readonly users: number;
  readonly buckets: readonly number[];
  readonly expectUnit: string;
  readonly timeoutMs: number;
}

export interface ApproveParameters {
  readonly message: string;
  readonly approvers: readonly string[];
  readonly timeoutMs: number;
}

export interface HoldParameters {
  readonly holdMs: number;
  /** What happens when nobody decides within the hold. */
  readonly then: 'commit' | 'roll back';
}

export interface CallHookParameters {
  readonly hook: string;
  readonly url: string;
  readonly token?: string;
  readonly timeoutMs: number;
  readonly with: { readonly [name: string]: string | number | boolean };
}
