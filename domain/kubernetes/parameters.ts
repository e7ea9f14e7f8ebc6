import type {
  BackupLocation,
  CapturedServices,
  KubernetesCluster,
  ManifestStoreSettings,
  MeshHost,
  NodePool,
} from '../schema/kubernetes.ts';
import type { Stage } from './stages.ts';

/** What the compiler puts into a plan step of the Kubernetes kinds: self-contained, secrets as references. */
export interface ClusterParameters {
  readonly clusterName: string;
  readonly cluster: KubernetesCluster;
}

export interface StoreParameters {
  readonly storeName: string;
  readonly store: ManifestStoreSettings;
}

export interface ApplyManifestsParameters extends ClusterParameters, StoreParameters {
  /** Services to apply, `namespace/service` with `*`; empty = all. */
  readonly services: readonly string[];
  /** How long a stage may take to become ready. */
  readonly readyTimeoutMs: number;
  /** What to do about fields that other managers own. The forced style always takes them over. */
  readonly onConflict: 'report' | 'takeOver';
  /** Stages that are left out, e.g. `routes` in a drill. */
  readonly without: readonly Stage[];
}

export interface CaptureManifestsParameters extends ClusterParameters, StoreParameters {
  readonly domain: string;
  readonly services: CapturedServices;
}

export interface RestoreBackupParameters extends ClusterParameters {
  readonly locationName: string;
  readonly location: BackupLocation;
  /** Clusters whose backups count; absent: as the location says. */
  readonly writers?: readonly string[];
  /** Plain objects are applied from the backup by siteshift itself; Velero restores the rest. */
  readonly direct: boolean;
  /** What happens to objects that differ from the backup; absent (plans of before): keep. */
  readonly existing?: 'keep' | 'update';
  /** What the manifest store holds does not come out of the backup. */
  readonly services?: CapturedServices;
  readonly timeoutMs: number;
  /** A Restore that makes no progress for this long counts as stuck. */
  readonly stuckMs: number;
  readonly attempts: number;
}

export interface PrepareStandbyParameters extends ClusterParameters {
  readonly locationName: string;
  readonly location: BackupLocation;
}

export interface ScaleOutNodesParameters extends ClusterParameters {
  readonly poolName: string;
  readonly pool: NodePool;
  readonly hook?: { readonly url: string; readonly token?: string; readonly timeoutMs: number };
  readonly store?: ManifestStoreSettings;
}

export interface ShiftMeshParameters extends ClusterParameters {
  readonly host: string;
  readonly mesh: MeshHost;
  /** Where a part of the requests goes first; absent: all go to the service. */
  readonly canary?: {
    readonly service: string;
    /** Of 100 requests. Either this or a header. */
    readonly percent?: number | undefined;
    readonly header?: { readonly name: string; readonly value: string } | undefined;
  };
}

export interface RehearseKubernetesParameters extends StoreParameters {
  readonly primary: { readonly name: string; readonly cluster: KubernetesCluster };
  readonly standby: { readonly name: string; readonly cluster: KubernetesCluster };
  readonly locationName: string;
  readonly location: BackupLocation;
  readonly services?: CapturedServices;
  readonly nodePools: { readonly [name: string]: NodePool };
  readonly onConflict: ApplyManifestsParameters['onConflict'];
}
