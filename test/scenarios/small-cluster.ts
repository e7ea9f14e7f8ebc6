import { applyAll } from '../../lab/kubernetes/apply-all.ts';
import { syncNow, takeBackup } from '../../lab/kubernetes/backup.ts';
import { takeSnapshot, type Snapshot } from '../../lab/kubernetes/compare-clusters.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { builderFor, deploymentBody, numbered } from '../../lab/kubernetes/object-builder.ts';
import { waitForServices } from '../../lab/kubernetes/platform.ts';
import { PUBLIC_GATEWAY } from '../../lab/kubernetes/service-objects.ts';
import type { ClusterSize, SiteClusters } from '../../lab/kubernetes/site-clusters.ts';

const namespace = 'shop-cart';

/** Clusters for a few dozen objects: each way of bringing one back has some. */
export const smallClusters: ClusterSize = {
  nodes: { east: 3, west: 1 },
  minimumItems: 20,
  hosts: { 'cart.shop.example': { namespace, service: 'cart', gateways: [PUBLIC_GATEWAY] } },
};

/** Left to Velero because they grant rights, and plain ones, which siteshift applies by itself. */
function platformObjects(): readonly KubernetesObject[] {
  const make = builderFor('platform');
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
  return [
    make('v1', 'Namespace')(namespace, {}),
    make('scheduling.k8s.io/v1', 'PriorityClass')('shop', { value: 7 }),
    ...numbered(12).map((index) =>
      make('rbac.authorization.k8s.io/v1', 'Role')(`role-${index}`, { rules }, namespace),
    ),
    ...numbered(12).map((index) =>
      make('v1', 'ConfigMap')(`plain-${index}`, { data: { a: '1' } }, namespace),
    ),
  ];
}

function serviceObjects(): readonly KubernetesObject[] {
  const make = builderFor('service');
  const image = 'registry.example/cart';
  const knative = make('serving.knative.dev/v1', 'Service');
  const size = { image, replicas: 2, cpu: '500m', memory: '512Mi' };
  const http = [{ route: [{ destination: { host: 'cart-next.shop-cart.svc.cluster.local' } }] }];
  return [
    ...numbered(6).map((index) => make('v1', 'ConfigMap')(`cart-${index}`, { data: { a: '1' } }, namespace)),
    make('apps/v1', 'Deployment')('worker', deploymentBody({ name: 'worker', ...size }), namespace),
    ...['cart', 'cart-next'].map((name) =>
      knative(name, { spec: { template: { spec: { containers: [{ image }] } } } }, namespace),
    ),
    make('networking.istio.io/v1', 'VirtualService')(
      'cart-next',
      { spec: { hosts: ['cart-next.shop.example'], gateways: [PUBLIC_GATEWAY], http } },
      namespace,
    ),
  ];
}

/**
 * The east serves, and a backup of it is in the bucket and known in the west.
 * @returns what the east was told, object by object
 */
export async function bringSmallIntoProduction({ lab }: SiteClusters): Promise<Snapshot> {
  const { east, west } = lab;
  const platform = platformObjects();
  const services = serviceObjects();
  await applyAll(east.api, platform.slice(0, 1), 'platform');
  await applyAll(east.api, [...platform.slice(1), ...services], 'platform');
  await waitForServices(east, services, 60_000);
  await takeBackup(east, { name: 'daily-1' });
  await syncNow(west, 'daily-1');
  return takeSnapshot(east.api, [...platform, ...services]);
}

/** What `compareSurvivor` says of a cluster that has taken over all of it. */
export const allSmallObjects = {
  objectsExpected: 36,
  objectsPresent: 36,
  objectsReady: 36,
  differences: [],
};
