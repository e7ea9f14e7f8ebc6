import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import type { Say } from '../engines/cache.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervisor } from '../process/supervise.ts';
import { startCluster, stopCluster, type Cluster } from './cluster.ts';
import { nodePoolDefinition } from './lab-definitions.ts';
import { kwokStages, parseObjects, serviceDefinitions } from './module-files.ts';
import { startObjectStore, type ObjectStore } from './object-store.ts';
import { obtainKubernetesPrograms, type KubernetesPrograms } from './programs.ts';
import { settleAll } from './settle-all.ts';
import { veleroDefinitions } from './velero.ts';

/** Two Kubernetes sites and the store between them. */
export interface KubernetesLab {
  readonly east: Cluster;
  readonly west: Cluster;
  readonly store: ObjectStore;
  readonly programs: KubernetesPrograms;
  /** Stops what was started here, in order. The supervisor's own close would do, only not as gently. */
  stop(): Promise<void>;
}

export interface SiteOptions {
  /** The lab's own folder: its parts, named as the sites and `object-store`, are emptied first. */
  readonly dir: string;
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly say: Say;
  /** The API servers keep a log of what the product's identity writes. Default false. */
  readonly isAudited?: boolean;
}

/**
 * Starts two control planes and one S3 store on loopback. A start that fails throws; the supervisor then still holds
 * what did start.
 */
export async function startKubernetesLab(
  options: SiteOptions & {
    /** Size of each site's pool `workers`: a production cluster, and a standby of a few nodes. */
    readonly nodes?: { readonly east: number; readonly west: number };
  },
): Promise<KubernetesLab> {
  const { nodes = { east: 8, west: 2 } } = options;
  const { programs, store, start } = await prepareSites(options);
  const [east, west, running] = await settleAll([
    start('east', nodes.east),
    start('west', nodes.west),
    store,
  ]);
  return {
    east,
    west,
    store: running,
    programs,
    stop: async () => {
      await Promise.all([stopCluster(east), stopCluster(west)]);
      await running.process.stop();
    },
  };
}

/** One control plane and the store: for what is about one cluster only, at half the price. */
export async function startOneSite(
  options: SiteOptions & { readonly name: string; readonly nodes: number },
): Promise<{ readonly cluster: Cluster; readonly store: ObjectStore }> {
  const { store, start } = await prepareSites(options);
  const [cluster, running] = await settleAll([start(options.name, options.nodes), store]);
  return { cluster, store: running };
}

async function prepareSites({ dir, supervisor, ports, say, isAudited = false }: SiteOptions) {
  const programs = await obtainKubernetesPrograms(say);
  const definitions = [
    nodePoolDefinition,
    ...(await serviceDefinitions(say)),
    ...(await veleroDefinitions(programs.velero)),
  ];
  const stages = [...(await kwokStages(say)), ...knativeStages()];
  const port = await ports.next();
  const folder = join(dir, 'object-store');
  const store = startObjectStore({ supervisor, program: programs.versitygw, folder, port });
  const shared = { supervisor, programs, ports, store, definitions, stages, say, isAudited };
  const start = (name: string, nodes: number) =>
    startCluster({ ...shared, name, folder: join(dir, name), nodes });
  return { programs, store, start };
}

function knativeStages() {
  const file = join(import.meta.dirname, 'knative-stages.yaml');
  return parseObjects(readFileSync(file, 'utf8'), file);
}
