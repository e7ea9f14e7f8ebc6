import { join } from 'node:path';
import type { Json } from '../../domain/json.ts';
import type { Say } from '../engines/cache.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import type { DataSite } from '../sites/layout.ts';
import { syncNow, takeBackup } from './backup.ts';
import { takeSnapshot, type Snapshot } from './compare-clusters.ts';
import { installDefinitions } from './install-definitions.ts';
import { kubernetesSection, meshHosts, type MeshHosts } from './inventory-section.ts';
import { startKubernetesLab, type KubernetesLab } from './kubernetes-lab.ts';
import { fillPlatform } from './platform.ts';
import { waitForLocation } from './velero.ts';

/** How large the clusters are, and what a failover may expect of them. */
export interface ClusterSize {
  readonly nodes: { readonly east: number; readonly west: number };
  /** What a good backup holds at least. */
  readonly minimumItems: number;
  readonly hosts: MeshHosts;
}

/** A production cluster and a standby of a few nodes. */
const usualSize: ClusterSize = { nodes: { east: 8, west: 2 }, minimumItems: 300, hosts: meshHosts };

/** The clusters of the two sites, joined into the two-site lab. The S3 store stands in neither. */
export interface SiteClusters {
  readonly lab: KubernetesLab;
  /** What siteshift.yaml says about them. */
  readonly section: Json;
  /** Public hosts that the mesh sends to Knative Services, as in the section. */
  readonly hosts: MeshHosts;
  partsOf(site: DataSite): readonly Supervised[];
  /** Everything of the Kubernetes half: both clusters and the store. */
  parts(): readonly Supervised[];
}

export async function startSiteClusters(options: {
  readonly folder: string;
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly say: Say;
  readonly size?: ClusterSize;
}): Promise<SiteClusters> {
  const { folder, supervisor, ports, say, size = usualSize } = options;
  const { nodes, minimumItems, hosts } = size;
  const dir = join(folder, 'kubernetes');
  const lab = await startKubernetesLab({ dir, supervisor, ports, nodes, say });
  const partsOf = (site: DataSite) => Object.values(lab[site].processes);
  return {
    lab,
    section: kubernetesSection(lab, {
      folder: join(dir, 'secrets'),
      nodes: nodes.east,
      minimumItems,
      hosts,
    }),
    hosts,
    partsOf,
    parts: () => [...partsOf('east'), ...partsOf('west'), lab.store.process],
  };
}

/**
 * What stands there on a normal day: the east runs the platform and the services, last night's backup is in the bucket
 * and known in the west, whose definitions somebody has installed. @returns what the east was told, object by object
 */
export async function bringIntoProduction({ lab }: SiteClusters, say: Say): Promise<Snapshot> {
  const { east, west } = lab;
  const { platform, services } = await fillPlatform(east, { say });
  const definitions = platform.filter(({ kind }) => kind === 'CustomResourceDefinition');
  await installDefinitions(west.api, west.name, definitions);
  // Velero learns the platform's new kinds every five minutes only; a backup before would silently lack their objects.
  await east.processes.velero.restart();
  await waitForLocation(east);
  await takeBackup(east, { name: 'daily-1' });
  const snapshot = await takeSnapshot(east.api, [...platform, ...services]);
  say('east: backup daily-1 is in the bucket; waiting until Velero in the west has found it');
  await syncNow(west, 'daily-1');
  return snapshot;
}
