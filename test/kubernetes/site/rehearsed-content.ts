import type { KubernetesObject } from '../../../domain/kubernetes/object.ts';
import { openScene as openStoreScene } from '../apply-scene.ts';
import { need, inventory, scaleParameters } from './scene.ts';
import type { findings } from './rehearsal.ts';

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

/** Something of the platform that only the east can run; for the next backup. */
export const ofTheEast = statefulSet('ledger', 'registry.east.example/ledger:7', 'east-only');

/** What a rehearsal says of a store with such manifests, and of a pool that may not grow. */
export async function rehearsedContent(look: typeof findings): ReturnType<typeof findings> {
  const scene = openStoreScene();
  try {
    await scene.keep([
      statefulSet('basket', 'registry.shop.example/basket:1', 'store-only'),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'basket', namespace: 'shop-nowhere' },
        data: { a: '1' },
      },
    ]);
    const { store } = scene.parameters(need(inventory.clusters['west']));
    const workers = scaleParameters({ maxNodes: 3 }).pool;
    return await look({ store, nodePools: { workers } });
  } finally {
    scene.remove();
  }
}
