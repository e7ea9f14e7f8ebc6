import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../domain/json.ts';
import { SCHEDULE } from './backup.ts';
import { WORKERS, type Cluster } from './cluster.ts';
import type { KubernetesLab } from './kubernetes-lab.ts';
import { NODE_POOL_API_VERSION, NODE_POOLS_NAMESPACE } from './lab-definitions.ts';
import { NODE_CAPACITY, POOL_LABEL } from './node-pool.ts';
import { TIER_LABEL } from './object-builder.ts';
import { PUBLIC_GATEWAY, SERVICE_NAMESPACES } from './service-objects.ts';
import { VELERO_NAMESPACE } from './velero.ts';

/** What the section is made from: a running lab, or as much of it. */
export type LabForInventory = {
  readonly east: Pick<Cluster, 'kubeconfig'>;
  readonly west: Pick<Cluster, 'kubeconfig'>;
  readonly store: Pick<
    KubernetesLab['store'],
    'url' | 'region' | 'bucket' | 'manifestBucket' | 'accessKey' | 'secretKey'
  >;
};

/**
 * The section `kubernetes` of siteshift.yaml for this lab, as its orchestrator sees it. The store's keys go into files
 * of `folder`. `nodes`: what a site needs when it carries the load; `minimumItems`: of a good backup.
 */
export function kubernetesSection(
  lab: LabForInventory,
  options: {
    readonly folder: string;
    readonly nodes: number;
    readonly minimumItems?: number;
    readonly hosts?: MeshHosts;
  },
): Json {
  const { store } = lab;
  const { minimumItems = 300, hosts = meshHosts } = options;
  const s3 = {
    endpoint: store.url,
    region: store.region,
    accessKey: secretFile(options.folder, 'store-access-key', store.accessKey),
    secretKey: secretFile(options.folder, 'store-secret-key', store.secretKey),
  };
  const cluster = (site: 'east' | 'west') => ({
    site,
    kubeconfig: `file:${lab[site].kubeconfig('orchestrator')}`,
    velero: { namespace: VELERO_NAMESPACE },
    nodePools: { [WORKERS]: workerPool(options.nodes) },
  });
  return {
    clusters: { east: cluster('east'), west: cluster('west') },
    backupLocations: {
      backups: {
        ...s3,
        bucket: store.bucket,
        schedule: SCHEDULE,
        minimumItems,
        includedNamespaces: ['knative-serving', 'istio-system'],
      },
    },
    manifestStores: { manifests: { kind: 's3', ...s3, bucket: store.manifestBucket } },
    services: { namespaces: ['shop-*'], selector: `${TIER_LABEL}=service` },
    meshHosts: { ...hosts },
  };
}

const workerPool = (nodes: number) => ({
  resource: {
    apiVersion: NODE_POOL_API_VERSION,
    kind: 'NodePool',
    namespace: NODE_POOLS_NAMESPACE,
    name: WORKERS,
  },
  nodes,
  selector: `${POOL_LABEL}=${WORKERS}`,
  deadlineMs: 60_000,
  resources: NODE_CAPACITY,
});

/** Public hosts that the mesh sends to Knative Services, as siteshift.yaml names them. */
export type MeshHosts = Readonly<
  Record<
    string,
    { readonly namespace: string; readonly service: string; readonly gateways: readonly string[] }
  >
>;

/** The sixth service of each area: the first five have a VirtualService of their own for their host. */
export const meshHosts: MeshHosts = Object.fromEntries(
  SERVICE_NAMESPACES.map((namespace) => {
    const service = `${namespace.replace('shop-', '')}-06`;
    return [`${service}.shop.example`, { namespace, service, gateways: [PUBLIC_GATEWAY] }];
  }),
);

function secretFile(folder: string, name: string, value: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, name);
  writeFileSync(file, value, { mode: 0o600 });
  return `file:${file}`;
}
