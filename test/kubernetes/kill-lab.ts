import { setTimeout as sleep } from 'node:timers/promises';
import { captureManifests } from '../../activities/capture-manifests.ts';
import { runStep, type StepKind } from '../../activities/define-step.ts';
import type { Json } from '../../domain/json.ts';
import { operationHash, operationLabel } from '../../domain/kubernetes/restore-plan.ts';
import type {
  ApplyManifestsParameters,
  CaptureManifestsParameters,
  PrepareStandbyParameters,
  RestoreBackupParameters,
  ScaleOutNodesParameters,
  ShiftMeshParameters,
} from '../../domain/kubernetes/parameters.ts';
import { kubernetesSchema, type KubernetesInventory } from '../../domain/schema/kubernetes.ts';
import type { Operation } from '../../domain/operation.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import { applyAll } from '../../lab/kubernetes/apply-all.ts';
import { takeBackup } from '../../lab/kubernetes/backup.ts';
import { WORKERS, type Cluster } from '../../lab/kubernetes/cluster.ts';
import { kubernetesSection } from '../../lab/kubernetes/inventory-section.ts';
import { startOneSite } from '../../lab/kubernetes/kubernetes-lab.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { TIER_LABEL, type Tier } from '../../lab/kubernetes/object-builder.ts';
import { PUBLIC_GATEWAY } from '../../lab/kubernetes/service-objects.ts';
import type { ObjectStore } from '../../lab/kubernetes/object-store.ts';
import { waitForServices } from '../../lab/kubernetes/platform.ts';
import { VELERO_PATH } from '../../lab/kubernetes/velero.ts';
import { waitUntil } from '../../lab/kubernetes/wait-until.ts';
import type { Supervised } from '../../lab/process/supervise.ts';
import { keepAlive } from '../lab/keep-alive.ts';
import { openTestLab } from '../lab/test-lab.ts';
import { collections, DEFINITIONS, NAMESPACE, platformObjects, serviceObjects } from './kill-objects.ts';
import { operation, stepInput, stepTools } from './step-tools.ts';

export const BACKUP = 'daily-1';

/**
 * One cluster and its store, whose processes are started again whenever they die, as a service manager would. It is
 * its own primary: what it holds is captured and backed up, and each case takes it away and has it brought back.
 */
export interface KillLab {
  readonly folder: string;
  readonly cluster: Cluster;
  readonly store: ObjectStore;
  /** Left to Velero, and plain ones. */
  readonly platform: readonly KubernetesObject[];
  readonly services: readonly KubernetesObject[];
  readonly parameters: {
    readonly restore: RestoreBackupParameters;
    readonly prepare: PrepareStandbyParameters;
    readonly apply: ApplyManifestsParameters;
    readonly capture: CaptureManifestsParameters;
    readonly scale: ScaleOutNodesParameters;
    readonly mesh: ShiftMeshParameters;
  };
  /** Removes the objects of a tier from the cluster, and waits until they are gone. */
  remove(tier: Tier): Promise<void>;
  /** Of the platform only its definitions. */
  removeDefinitions(): Promise<void>;
  /** Those of a tier that are there now, by kind and name. */
  present(tier: Tier): Promise<ReadonlyMap<string, KubernetesObject>>;
  restoresOf(operation: Operation): Promise<readonly string[]>;
  victim(name: VictimName): Supervised;
  /** Kills one that stays away. @returns has it started again */
  down(name: VictimName): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export const VICTIMS = ['velero', 'apiserver', 'etcd', 'object store'] as const;
export type VictimName = (typeof VICTIMS)[number];

/** Of the pool, to begin with. */
export const NODES = 1;
const hosts = {
  'cart.shop.example': { namespace: NAMESPACE, service: 'cart', gateways: [PUBLIC_GATEWAY] },
};

export async function openKillLab(): Promise<KillLab> {
  const testLab = await openTestLab();
  const { folder, supervisor, ports, say } = testLab;
  const { cluster, store } = await startOneSite({
    dir: folder,
    supervisor,
    ports,
    name: 'west',
    nodes: NODES,
    say,
  });
  const platform = platformObjects();
  const services = serviceObjects();
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  await applyAll(cluster.api, [namespace], 'lab');
  await applyAll(cluster.api, [...platform, ...services], 'lab');
  await waitForServices(cluster, services, 60_000);
  const inventory = kubernetesSchema.parse(
    kubernetesSection(
      { east: cluster, west: cluster, store },
      { folder: `${folder}/secrets`, nodes: NODES, hosts },
    ),
  );
  const parameters = parametersFrom(inventory);
  await runStep(captureManifests, stepInput(parameters.capture, { operation: operation(0) }), stepTools());
  await takeBackup(cluster, { name: BACKUP });
  const keeper = keepAlive([...Object.values(cluster.processes), store.process]);
  const victim = (name: VictimName) => (name === 'object store' ? store.process : cluster.processes[name]);
  const selector = (tier: string) => `?labelSelector=${encodeURIComponent(`${TIER_LABEL}=${tier}`)}`;
  const removeAll = async (path: string, tier: Tier) => {
    await cluster.api.call('DELETE', `${path}${selector(tier)}`);
    await waitUntil({ what: `${path} of tier ${tier} gone`, withinMs: 60_000 }, async () => {
      const left = await cluster.api.list(`${path}${selector(tier)}`);
      if (left.length > 0) throw new Error(`${left.length} are still there`);
    });
  };
  return {
    folder,
    cluster,
    store,
    platform,
    services,
    parameters,
    remove: async (tier) => {
      for (const path of collections[tier]) await removeAll(path, tier);
    },
    removeDefinitions: () => removeAll(DEFINITIONS, 'platform'),
    present: async (tier) => {
      const found = new Map<string, KubernetesObject>();
      for (const path of collections[tier]) {
        for (const object of await cluster.api.list(`${path}${selector(tier)}`))
          found.set(`${path.split('/').at(-1)}/${object.metadata.name}`, object);
      }
      return found;
    },
    restoresOf: async (run) => {
      const label = encodeURIComponent(`${operationLabel}=${operationHash(run)}`);
      const restores = await cluster.api.list(`${VELERO_PATH}/restores?labelSelector=${label}`);
      return restores.map(({ status }) => (status as { phase?: string } | undefined)?.phase ?? 'New');
    },
    victim,
    down: (name) => keeper.down(victim(name)),
    close: async () => {
      await keeper.stop();
      await testLab.close();
    },
  };
}

function parametersFrom(inventory: KubernetesInventory): KillLab['parameters'] {
  const { west } = inventory.clusters;
  const { backups } = inventory.backupLocations;
  const { manifests } = inventory.manifestStores;
  const { services } = inventory;
  const [mesh] = Object.values(inventory.meshHosts);
  const pool = west?.nodePools[WORKERS];
  if (mesh === undefined || pool === undefined)
    throw new Error('the section of the lab lacks a host or a pool');
  if (west === undefined || backups === undefined || manifests === undefined || services === undefined)
    throw new Error('the section of the lab lacks a part');
  const target = { clusterName: 'west', cluster: west };
  const store = { storeName: 'manifests', store: manifests };
  const from = {
    locationName: 'backups',
    location: { ...backups, minimumItems: 1, includedNamespaces: [] },
  };
  return {
    prepare: { clusterName: 'standby', cluster: west, ...from },
    restore: {
      ...target,
      ...from,
      writers: ['west'], // of itself, which is otherwise refused: there is only one cluster here
      services,
      direct: true,
      timeoutMs: 300_000,
      stuckMs: 120_000,
      attempts: 3,
    },
    apply: {
      ...target,
      ...store,
      services: [],
      readyTimeoutMs: 60_000,
      onConflict: 'report',
      without: [],
    },
    capture: { ...target, ...store, domain: 'shop', services },
    scale: {
      ...target,
      poolName: WORKERS,
      // Who plays the nodes backs off the more, the more often their API server was killed.
      pool: { ...pool, nodes: NODES + 2, deadlineMs: 180_000 },
      store: manifests,
    },
    mesh: { ...target, host: 'cart.shop.example', mesh },
  };
}

/** As Temporal would: an attempt that threw is followed by another one, which knows nothing of the first. */
export async function untilOutcome<Parameters, Observed extends Json, Read>(
  kind: StepKind<Parameters, Observed, Read>,
  input: () => StepInput<Parameters>,
  reached: (point: string) => Promise<void>,
): Promise<StepOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runStep(kind, input(), stepTools({ reached }));
    } catch (error) {
      if (attempt === 20) throw error;
      await sleep(500);
    }
  }
}
