import { applyAll } from '../../../lab/kubernetes/apply-all.ts';
import type { Cluster } from '../../../lab/kubernetes/cluster.ts';
import type { KubernetesObject } from '../../../lab/kubernetes/kubernetes-object.ts';
import { builderFor, deploymentBody } from '../../../lab/kubernetes/object-builder.ts';
import { waitUntil } from '../../../lab/kubernetes/wait-until.ts';
import { openScene as openStoreScene } from '../apply-scene.ts';
import { need, inventory, scaleParameters } from './scene.ts';
import type { findings } from './rehearsal.ts';

const make = builderFor('platform');

function statefulSet(name: string, image: string, storageClassName: string): KubernetesObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 0,
      serviceName: name,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            storageClassName,
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ],
    },
  };
}

/** A kind in these versions; the last one is how it is stored. */
export function definitionOf(kind: string, ...versions: readonly string[]): KubernetesObject {
  const singular = kind.toLowerCase();
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return make('apiextensions.k8s.io/v1', 'CustomResourceDefinition')(`${singular}s.${singular}.example`, {
    spec: {
      group: `${singular}.example`,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural: `${singular}s`, singular },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === versions.length - 1,
        schema,
      })),
    },
  });
}

const instanceOf = (kind: string, version: string, name: string): KubernetesObject =>
  make(`${kind.toLowerCase()}.example/${version}`, kind)(name, { spec: { size: 1 } }, 'default');

/** A kind that the west knows in an older version, and one that it does not know. Velero learns them when it starts. */
export async function installKinds(east: Cluster, west: Cluster): Promise<void> {
  await west.api.apply(definitionOf('Gadget', 'v1'), 'lab');
  await applyAll(east.api, [definitionOf('Gadget', 'v1', 'v2'), definitionOf('Widget', 'v1')], 'lab');
  for (const instance of [instanceOf('Gadget', 'v2', 'scales'), instanceOf('Widget', 'v1', 'crank')])
    await waitUntil({ what: `${instance.kind} on the east`, withinMs: 30_000 }, () =>
      east.api.apply(instance, 'lab'),
    );
}

const running = (name: string, replicas: number, cpu: string): KubernetesObject => {
  const image = 'registry.east.example/ledger:7';
  const body = deploymentBody({ name, image, replicas, cpu, memory: '64Mi' });
  return make('apps/v1', 'Deployment')(name, body, 'ledgers');
};

const quota = (name: string, namespace: string, hard: Readonly<Record<string, string>>): KubernetesObject =>
  make('v1', 'ResourceQuota')(name, { spec: { hard } }, namespace);

/**
 * Something of the platform that only the east can run, a namespace that the west has not heard of with a quota of its
 * own, and something of a service that no capture has seen; for the next backup.
 */
export const ofTheEast: readonly KubernetesObject[] = [
  statefulSet('ledger', 'registry.east.example/ledger:7', 'east-only'),
  make('v1', 'Namespace')('ledgers', {}),
  quota('compute', 'ledgers', { 'requests.cpu': '1', 'count/deployments.apps': '5' }),
  running('ledger', 1, '500m'),
  builderFor('service')('v1', 'ConfigMap')('cart-late', { data: { a: '1' } }, 'shop-cart'),
  // Of a kind that controllers make, and nobody's: a database outside of the cluster, for example.
  make('discovery.k8s.io/v1', 'EndpointSlice')(
    'ledger-db',
    { addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.7'] }], ports: [{ port: 3306 }] },
    'ledgers',
  ),
];

/** In the west one StatefulSet more may be there than is; waits until the quota has counted the one that is. */
export async function limitTheWest({ api }: Cluster): Promise<void> {
  const squatter = '/apis/apps/v1/namespaces/default/statefulsets/squatter';
  await api.apply(statefulSet('squatter', 'registry.example/squatter:1', 'standard'), 'lab');
  // A quota is counted when it is made, and then not for minutes: its controller must know the object before.
  await waitUntil({ what: 'a controller of west has seen the squatter', withinMs: 60_000 }, async () => {
    const { status } = await api.get(squatter);
    if ((status as { observedGeneration?: number } | undefined)?.observedGeneration === undefined)
      throw new Error(`status: ${JSON.stringify(status)}`);
  });
  await api.apply(quota('small', 'default', { 'count/statefulsets.apps': '2' }), 'lab');
  await waitUntil({ what: 'the quota small of west counts', withinMs: 60_000 }, async () => {
    const { status } = await api.get('/api/v1/namespaces/default/resourcequotas/small');
    const { used } = (status ?? {}) as { readonly used?: Readonly<Record<string, string>> };
    if (used?.['count/statefulsets.apps'] !== '1') throw new Error(`used: ${JSON.stringify(used)}`);
  });
}

/** What a rehearsal says of a store with such manifests, and of a pool that may not grow. */
export async function rehearsedContent(look: typeof findings): ReturnType<typeof findings> {
  const scene = openStoreScene();
  try {
    await scene.keep([
      statefulSet('basket', 'registry.shop.example/basket:1', 'store-only'),
      instanceOf('Gadget', 'v2', 'basket'),
      running('journal', 3, '200m'),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'basket', namespace: 'shop-nowhere' },
        data: { a: '1' },
      },
    ]);
    const { store } = scene.parameters(need(inventory.clusters['west']));
    // The nodes have room for the manifests' 600m, not for the platform besides.
    const workers = scaleParameters({ maxNodes: 3, resources: { cpu: '200m' } }).pool;
    return await look({ store, nodePools: { workers } });
  } finally {
    scene.remove();
  }
}
