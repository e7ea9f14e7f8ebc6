import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, type Say } from './engines/cache.ts';
import { checkPrerequisites } from './engines/prerequisites.ts';
import { obtainTemporal, startTemporal } from './engines/temporal.ts';
import { startSiteClusters, type ClusterSize, type SiteClusters } from './kubernetes/site-clusters.ts';
import { closeOnSignals } from './process/close-on-signals.ts';
import { directPaths, openPaths, type Paths } from './process/paths.ts';
import { reservePorts, type PortBlock } from './process/ports.ts';
import { openSupervisor, type Supervised, type Supervisor } from './process/supervise.ts';
import { databaseNames, searchAttributes, type DataSite } from './sites/layout.ts';
import { publishFirst } from './sites/publish-first.ts';
import { planApps, startApps, startCollectors, type LabApp, type LabCollector } from './sites/start-apps.ts';
import { startCenters } from './sites/start-centers.ts';
import { startCluster, type LabCluster } from './sites/start-databases.ts';
import { startGateways, type LabGateway } from './sites/start-gateways.ts';
import {
  bundleWorkflows,
  repositoryFile,
  startWorker,
  type ProductEnvironment,
} from './sites/start-worker.ts';
import { writeInventory } from './sites/write-inventory.ts';
import { refuseLongFolder, refuseStrangeFolder, removeEarlierLab, stateFolderOf } from './work-folder.ts';

export interface LabOptions {
  /** Work folder: data, logs, inventory. Kept after the end; what an earlier run left running is ended first. */
  readonly folder: string;
  /** Begins without what an earlier lab left in the folder. Default false. */
  readonly fresh?: boolean;
  readonly say: Say;
  /** Nacos needs 10-20 s and 460 MB; without it both datasources live in etcd. Default true. */
  readonly nacos?: boolean;
  /** Two Kubernetes clusters and an S3 store besides: 1.5 to 2.5 GB and a minute more. Default false. */
  readonly kubernetes?: boolean | ClusterSize;
  readonly durability?: 'semisync' | 'async';
  readonly workerEnvironment?: ProductEnvironment;
  /** Ctrl-C and `kill` close it, from its first process on. For programs; tests close by themselves. */
  readonly endsOnSignals?: boolean;
  /** Puts a link in front of every part, so that paths can be cut and delayed. Default false: it costs some CPU. */
  readonly paths?: boolean;
}

/** Two sites and an edge, running; every part can be killed, paused and restarted by its name. */
export interface TwoSiteLab {
  readonly folder: string;
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly paths: Paths;
  readonly clusters: readonly LabCluster[];
  readonly gateways: readonly LabGateway[];
  readonly apps: readonly LabApp[];
  readonly collectors: readonly LabCollector[];
  readonly kubernetes?: SiteClusters;
  readonly temporal: Supervised;
  readonly worker: Supervised;
  readonly uiUrl: string;
  /** For the CLI and for further workers. */
  readonly environment: ProductEnvironment;
  /** The process of that name; @throws Error that lists the names there are */
  part(name: string): Supervised;
  partsOf(site: DataSite): readonly Supervised[];
  close(): Promise<void>;
}

/** @throws Error when another lab runs in the folder, when it holds what is no lab's, or its path is too long; nothing is touched then */
export async function startTwoSiteLab(options: LabOptions): Promise<TwoSiteLab> {
  const { folder, say } = options;
  refuseLongFolder(folder);
  refuseStrangeFolder(folder);
  checkPrerequisites({
    nacos: options.nacos ?? true,
    kubernetes: (options.kubernetes ?? false) !== false,
    tests: false,
  });
  mkdirSync(folder, { recursive: true });
  const supervisor = await openSupervisor({ stateFolder: stateFolderOf(folder), say });
  const ports = reservePorts(cacheFolder());
  const paths =
    options.paths === true
      ? openPaths(
          () => ports.next(),
          () => supervisor.list().filter((part) => part.alive()),
        )
      : directPaths;
  let ending: Promise<void> | undefined; // a signal during the start ends the lab, and so does the start that then fails
  const end = () => (ending ??= endLab(supervisor, paths, ports));
  const takeBack = options.endsOnSignals === true ? closeOnSignals(end, say) : undefined;
  const close = async () => {
    takeBack?.();
    await end();
  };
  try {
    if (options.fresh === true) removeEarlierLab(folder);
    return { ...(await assemble({ ...options, supervisor, ports, paths })), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The worker in order, so that no attempt hangs until its heartbeat is missed; all else need not say goodbye. */
async function endLab(supervisor: Supervisor, paths: Paths, ports: PortBlock): Promise<void> {
  await supervisor
    .list()
    .find(({ name }) => name === 'worker')
    ?.stop();
  await supervisor.close('kill');
  await paths.close();
  ports.release();
}

/** What every part is started with. */
interface Ground extends Omit<LabOptions, 'paths' | 'fresh' | 'endsOnSignals'> {
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly paths: Paths;
}

async function assemble(ground: Ground): Promise<Omit<TwoSiteLab, 'close'>> {
  const { folder, say, supervisor, ports, paths, durability = 'semisync' } = ground;
  const bundle = bundleWorkflows(join(folder, 'workflows.js'));
  bundle.catch(() => undefined); // reported where it is awaited
  const [temporal, centers, clusters, kubernetes] = await Promise.all([
    startOrchestration(ground),
    startCenters(ground),
    Promise.all(
      databaseNames.map((name) =>
        startCluster({
          ...ground,
          name,
          durability,
          engine: name === 'orders' ? 'mysql' : 'mariadb',
        }),
      ),
    ),
    startKubernetes(ground),
  ]);
  const plannedApps = await planApps(ports);
  const [gateways, collectors] = await Promise.all([
    startGateways({ ...ground, apps: plannedApps }),
    startCollectors(supervisor, ports, paths),
  ]);
  const inventory = writeInventory(folder, clusters, {
    ...centers,
    ...(kubernetes === undefined ? {} : { kubernetes: kubernetes.section }),
    collectors: Object.fromEntries(collectors.map(({ site, url }) => [site, url])),
    gateways: Object.fromEntries(
      gateways.map(({ name, agentUrl, endpoint }) => [name, { agent: agentUrl, endpoint }]),
    ),
  });
  const environment: ProductEnvironment = {
    SITESHIFT_TEMPORAL_ADDRESS: `127.0.0.1:${await paths.front('temporal', temporal.ports['frontend'] ?? 0)}`,
    SITESHIFT_INVENTORY: inventory,
    SITESHIFT_RUNBOOKS: repositoryFile('runbooks'),
    SITESHIFT_WORKFLOW_BUNDLE: await bundle,
    SITESHIFT_LOG_LEVEL: 'info',
  };
  const [apps, worker] = await Promise.all([
    startApps({
      supervisor,
      collectors,
      folder: join(folder, 'apps'),
      apps: plannedApps,
      datasources: clusters.map(({ name }) => ({
        datasource: name,
        ...centers.followed(name),
      })),
    }),
    startWorker(supervisor, 'worker', { ...environment, ...ground.workerEnvironment }),
    publishFirst(inventory, primariesOf(clusters), databaseNames), // whoever is there already is told
  ]);
  say(`${apps.length} applications, ${gateways.length} gateways and the worker are up`);
  return {
    folder,
    supervisor,
    ports,
    paths,
    clusters,
    gateways,
    apps,
    collectors,
    ...(kubernetes === undefined ? {} : { kubernetes }),
    temporal,
    worker,
    environment,
    uiUrl: `http://127.0.0.1:${temporal.ports['ui']}`,
    part: (name) => partNamed(supervisor, name),
    partsOf: (site) => [
      ...partsOf(site, clusters, apps, collectors),
      ...(kubernetes === undefined ? [] : kubernetes.partsOf(site)),
    ],
  };
}

/** The first node of a cluster is the one that was opened. */
const primariesOf = (clusters: readonly LabCluster[]): ReadonlyMap<string, string> =>
  new Map(clusters.map(({ name, nodes }) => [name, [...nodes.keys()][0] ?? '']));

async function startKubernetes(ground: Ground): Promise<SiteClusters | undefined> {
  const { folder, supervisor, ports, say, kubernetes = false } = ground;
  if (kubernetes === false) return undefined;
  const size = kubernetes === true ? {} : { size: kubernetes };
  return startSiteClusters({ folder, supervisor, ports, say, ...size });
}

async function startOrchestration({ folder, say, supervisor, ports }: Ground): Promise<Supervised> {
  const program = await obtainTemporal(say);
  return startTemporal(supervisor, {
    program,
    name: 'temporal',
    databaseFile: join(folder, 'temporal.db'),
    searchAttributes,
    ports: {
      frontend: await ports.next(),
      ui: await ports.next(),
    },
  });
}

function partNamed(supervisor: Supervisor, name: string): Supervised {
  const part = supervisor.list().find((one) => one.name === name);
  if (part !== undefined) return part;
  throw new Error(
    `no part ${name} in this lab; there are ${supervisor
      .list()
      .map((one) => one.name)
      .join(', ')}`,
  );
}

/** Everything that is gone when the site is gone. */
function partsOf(
  site: DataSite,
  clusters: readonly LabCluster[],
  apps: readonly LabApp[],
  collectors: readonly LabCollector[],
): Supervised[] {
  return [
    ...clusters.flatMap(({ nodes }) => [...nodes.values()].filter(({ layout }) => layout.site === site)),
    ...apps.filter((app) => app.site === site),
    ...collectors.filter((collector) => collector.site === site),
  ].map((part) => part.process);
}
