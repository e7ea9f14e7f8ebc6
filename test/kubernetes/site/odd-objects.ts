import { applyAll } from '../../../lab/kubernetes/apply-all.ts';
import type { Cluster } from '../../../lab/kubernetes/cluster.ts';
import type { KubernetesObject } from '../../../lab/kubernetes/kubernetes-object.ts';
import { builderFor } from '../../../lab/kubernetes/object-builder.ts';
import { waitUntil } from '../../../lab/kubernetes/wait-until.ts';

/** A namespace of the platform's. */
const into = 'monitoring';
const make = builderFor('platform');
const ofService = builderFor('service');

export const JOBS = `/apis/batch/v1/namespaces/${into}/jobs`;
export const VOLUMES = '/api/v1/persistentvolumes';
export const CLAIMS = `/api/v1/namespaces/${into}/persistentvolumeclaims`;

/** What every cluster in use has and Velero does not bring back: a job that is over, a volume that is made anew. */
const skipped: readonly KubernetesObject[] = [
  make('batch/v1', 'Job')(
    'over',
    {
      spec: {
        template: {
          spec: {
            restartPolicy: 'Never',
            containers: [{ name: 'main', image: 'registry.example/migrate:1' }],
          },
        },
      },
    },
    into,
  ),
  ...volumeAndClaim('anew', 'Delete'),
  ...volumeAndClaim('kept', 'Retain'),
];

function volumeAndClaim(name: string, reclaimPolicy: 'Delete' | 'Retain'): readonly KubernetesObject[] {
  const size = { storage: '1Gi' };
  const shared = { accessModes: ['ReadWriteOnce'], storageClassName: 'standard' };
  return [
    make('v1', 'PersistentVolume')(name, {
      spec: {
        ...shared,
        capacity: size,
        persistentVolumeReclaimPolicy: reclaimPolicy,
        csi: { driver: 'disk.csi.example', volumeHandle: name },
      },
    }),
    make('v1', 'PersistentVolumeClaim')(
      name,
      { spec: { ...shared, resources: { requests: size }, volumeName: name } },
      into,
    ),
  ];
}

/**
 * Labelled as the services' and nobody's to capture: a kind that captures do not take, one that only Velero may write,
 * and one in a namespace that they do not look into.
 */
export const uncaptured: readonly KubernetesObject[] = [
  ofService('v1', 'Secret')('cart-keys', { stringData: { key: 'lab-only' } }, 'shop-cart'),
  ofService('rbac.authorization.k8s.io/v1', 'Role')(
    'cart-reader',
    { rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }] },
    'shop-cart',
  ),
  ofService('v1', 'ConfigMap')('fleet', { data: { a: '1' } }, into),
];

/** Puts them on a cluster, and waits until the job is over and the claims have their volumes. */
export async function addOddObjects({ api, name }: Cluster): Promise<void> {
  await applyAll(api, [...skipped, ...uncaptured], 'platform');
  await waitUntil({ what: `the job of ${name} over, its claims bound`, withinMs: 60_000 }, async () => {
    const [job] = await api.list(JOBS);
    const { completionTime } = (job?.['status'] ?? {}) as { readonly completionTime?: string };
    const phases = (await api.list(CLAIMS)).map(({ status }) => (status as { phase?: string }).phase);
    if (completionTime === undefined || phases.join() !== 'Bound,Bound')
      throw new Error(`over since ${completionTime}, claims ${phases.join()}`);
  });
}
