import { join } from 'node:path';
import type {
  ApplyManifestsParameters,
  RestoreBackupParameters,
  ScaleOutNodesParameters,
  ShiftMeshParameters,
} from '../../../domain/kubernetes/parameters.ts';
import { kubernetesSchema, type KubernetesInventory } from '../../../domain/schema/kubernetes.ts';
import { takeSnapshot, type Snapshot } from '../../../lab/kubernetes/compare-clusters.ts';
import { kubernetesSection } from '../../../lab/kubernetes/inventory-section.ts';
import { startKubernetesLab, type KubernetesLab } from '../../../lab/kubernetes/kubernetes-lab.ts';
import type { KubernetesObject } from '../../../lab/kubernetes/kubernetes-object.ts';
import { TIER_LABEL } from '../../../lab/kubernetes/object-builder.ts';
import { fillPlatform, type FilledPlatform } from '../../../lab/kubernetes/platform.ts';
import { waitForLocation } from '../../../lab/kubernetes/velero.ts';
import { openTestLab, type TestLab } from '../../lab/test-lab.ts';
import { operation, stepInput } from '../step-tools.ts';
import { addOddObjects } from './odd-objects.ts';

// One site failover of the Kubernetes half, step by step on two real clusters; each check goes on from the one before.
export let testLab: TestLab;
export let lab: KubernetesLab;
export let filled: FilledPlatform;
export let inventory: KubernetesInventory;
/** What the east was told, object by object. */
export let expected: Snapshot;
export const nodes = 6;

export async function openScene(): Promise<void> {
  testLab = await openTestLab();
  const { folder: dir, supervisor, ports, say } = testLab;
  const size = { east: nodes, west: 1 };
  lab = await startKubernetesLab({ dir, supervisor, ports, nodes: size, say, isAudited: true });
  filled = await fillPlatform(lab.east, { say });
  await lab.east.api.apply(deadWebhook, 'platform');
  await addOddObjects(lab.east);
  // Velero learns the platform's new kinds every five minutes only; a backup before would silently lack their objects.
  await lab.east.processes.velero.restart();
  await waitForLocation(lab.east);
  inventory = kubernetesSchema.parse(kubernetesSection(lab, { folder: join(dir, 'secrets'), nodes }));
  expected = await takeSnapshot(lab.east.api, [...filled.platform, ...filled.services]);
}

export const closeScene = (): Promise<void> => testLab.close();

export const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
/** Its backend is gone: wherever it is restored, no Knative Service can be written any more. */
const deadWebhook: KubernetesObject = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'validation.webhook.serving.knative.dev' },
  webhooks: [
    {
      name: 'validation.webhook.serving.knative.dev',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      failurePolicy: 'Fail',
      clientConfig: { url: 'https://127.0.0.1:1/' },
      rules: [
        {
          apiGroups: ['serving.knative.dev'],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['services'],
        },
      ],
    },
  ],
};

export const need = <Value>(value: Value | undefined): Value => {
  if (value === undefined) throw new Error('the inventory of the lab lacks it');
  return value;
};
export const west = () => ({ clusterName: 'west', cluster: need(inventory.clusters['west']) });
export const store = () => ({ storeName: 'manifests', store: need(inventory.manifestStores['manifests']) });
export const captureInput = (name: 'east' | 'west', options = {}) =>
  stepInput(
    {
      clusterName: name,
      cluster: need(inventory.clusters[name]),
      ...store(),
      domain: 'shop',
      services: need(inventory.services),
    },
    { operation: operation(0), ...options },
  );
export const applyParameters = (): ApplyManifestsParameters => ({
  ...west(),
  ...store(),
  services: [],
  readyTimeoutMs: 120_000,
  onConflict: 'report',
  without: [],
});
export const restoreParameters = (more: Partial<RestoreBackupParameters> = {}): RestoreBackupParameters => ({
  ...west(),
  locationName: 'backups',
  location: need(inventory.backupLocations['backups']),
  services: need(inventory.services),
  direct: false,
  timeoutMs: 300_000,
  stuckMs: 120_000,
  attempts: 3,
  ...more,
});
export const scaleParameters = (more: object = {}): ScaleOutNodesParameters => ({
  ...west(),
  poolName: 'workers',
  pool: { ...need(inventory.clusters['west']?.nodePools['workers']), ...more },
  store: store().store,
});
export const meshParameters = (more: Partial<ShiftMeshParameters> = {}): ShiftMeshParameters => {
  const [host = '', mesh] = Object.entries(inventory.meshHosts)[0] ?? [];
  return { ...west(), host, mesh: need(mesh), ...more };
};
export const bucketFile = (...parts: string[]) => join(lab.store.folder, ...parts);

export const onlyPlatform = (): Snapshot =>
  new Map([...expected].filter(([, { metadata }]) => metadata.labels?.[TIER_LABEL] === 'platform'));
