import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Say } from '../engines/cache.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import { accessObjects, IDENTITIES } from './access-objects.ts';
import { openApi, type ApiClient } from './api-client.ts';
import { applyAll } from './apply-all.ts';
import { auditedWrites, type AuditedWrite } from './audit.ts';
import { makeCertificates } from './certificates.ts';
import {
  apiserverProcess,
  CONTROL_PLANE_PORTS,
  controllerManagerProcess,
  etcdProcess,
  kwokProcess,
  nodePoolProcess,
  schedulerProcess,
  type ClusterPorts,
  type ClusterSetup,
} from './control-plane.ts';
import { installDefinitions } from './install-definitions.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { NODE_POOLS_NAMESPACE, nodePool } from './lab-definitions.ts';
import { waitForNodes } from './nodes.ts';
import type { ObjectStore } from './object-store.ts';
import type { KubernetesPrograms } from './programs.ts';
import { settleAll } from './settle-all.ts';
import { veleroObjects, veleroProcess, VELERO_NAMESPACE, waitForLocation } from './velero.ts';
import { waitUntil } from './wait-until.ts';

export const CLUSTER_PARTS = [
  'etcd',
  'apiserver',
  'controllerManager',
  'scheduler',
  'kwok',
  'nodePools',
  'velero',
] as const;
export type ClusterPart = (typeof CLUSTER_PARTS)[number];

/** The node pool that each cluster has. */
export const WORKERS = 'workers';
const BOOT_MS = 2_000; // a cloud takes 30 to 120 s: nobody learns anything from waiting for it
const NODE_QUOTA = 60;

/** One running control plane with everything that plays the rest of a cluster. */
export interface Cluster {
  readonly name: string;
  readonly server: string;
  /** Kubeconfig of an identity: `orchestrator` is the product's, `admin` the lab's. */
  readonly kubeconfig: (identity: string) => string;
  /** As the lab's admin. */
  readonly api: ApiClient;
  /** What the product's identity has written so far, if the lab is audited. */
  readonly writes: () => readonly AuditedWrite[];
  /** To kill, pause, resume, stop and restart each. */
  readonly processes: Readonly<Record<ClusterPart, Supervised>>;
}

export interface ClusterOptions {
  readonly name: string;
  readonly folder: string;
  readonly supervisor: Supervisor;
  readonly programs: KubernetesPrograms;
  readonly ports: PortBlock;
  readonly store: Promise<ObjectStore>;
  /** Size of the node pool `workers`. */
  readonly nodes: number;
  readonly definitions: readonly KubernetesObject[];
  readonly stages: readonly KubernetesObject[];
  readonly say: Say;
  readonly isAudited?: boolean;
}

/** Starts a cluster on an empty folder; what an earlier one left there is removed. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { name, supervisor, say } = options;
  const setup = await prepareCluster(options);
  const etcd = await supervisor.start(etcdProcess(setup));
  const apiserver = await supervisor.start(apiserverProcess(setup));
  say(`${name}: the API server is ready`);
  const api = openApi(setup.kubeconfig('admin'));
  const [controllerManager, scheduler] = await settleAll([
    supervisor.start(controllerManagerProcess(setup)),
    supervisor.start(schedulerProcess(setup)),
    fillCluster(api, options),
  ]);
  const stagesFile = writeStages(options);
  const [kwok, nodePools, velero] = await settleAll([
    supervisor.start(kwokProcess({ ...setup, stagesFile })),
    supervisor.start(nodePoolProcess(setup)),
    supervisor.start(veleroProcess(setup)),
    ...['default', VELERO_NAMESPACE].map((namespace) => waitForServiceAccount(api, name, namespace)),
  ]);
  await settleAll([
    waitForLocation({ api, name }),
    waitForNodes({ api, name }, { pool: WORKERS, count: options.nodes }),
  ]);
  say(`${name}: nodes, pods and Knative Services are played by KWOK, Velero sees the bucket`);
  return {
    name,
    server: api.server,
    kubeconfig: setup.kubeconfig,
    api,
    writes: () => auditedWrites(setup.folder),
    processes: { etcd, apiserver, controllerManager, scheduler, kwok, nodePools, velero },
  };
}

/** Clients first, then the server, then its store: nobody waits for what is already gone. */
export async function stopCluster({ api, processes }: Cluster): Promise<void> {
  const { etcd, apiserver, ...clients } = processes;
  await Promise.all(Object.values(clients).map((one) => one.stop()));
  api.close();
  await apiserver.stop();
  await etcd.stop();
}

async function prepareCluster({
  name,
  folder,
  programs,
  ports: block,
  say,
  isAudited = false,
}: ClusterOptions): Promise<ClusterSetup> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const numbers: [string, number][] = [];
  for (const use of CONTROL_PLANE_PORTS) numbers.push([use, await block.next()]);
  const ports = Object.fromEntries(numbers) as ClusterPorts;
  const certificates = await makeCertificates({
    folder: join(folder, 'certificates'),
    cluster: name,
    identities: IDENTITIES,
    say,
  });
  const server = `https://127.0.0.1:${ports.apiserver}`;
  const kubeconfig = (identity: string) => join(folder, 'kubeconfigs', `${identity}.json`);
  for (const { name: user } of IDENTITIES) {
    writeKubeconfig({ file: kubeconfig(user), cluster: name, server, user, certificates });
  }
  return { name, folder, ports, programs, certificates, kubeconfig, isAudited };
}

/** What every cluster of the lab has from the start. */
async function fillCluster(api: ApiClient, options: ClusterOptions): Promise<void> {
  await applyAll(api, accessObjects(), 'lab');
  await installDefinitions(api, options.name, options.definitions);
  const pools = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NODE_POOLS_NAMESPACE } };
  const workers = nodePool(WORKERS, { replicas: options.nodes, bootMs: BOOT_MS, maxReplicas: NODE_QUOTA });
  await applyAll(api, [pools, ...veleroObjects(await options.store)], 'lab');
  await applyAll(api, [workers], 'lab');
}

function writeStages({ folder, stages }: ClusterOptions): string {
  const file = join(folder, 'stages.yaml');
  writeFileSync(file, stages.map((stage) => `---\n${stringify(stage)}`).join(''));
  return file;
}

/** Pods are refused until the controller manager has made it. */
async function waitForServiceAccount(api: ApiClient, cluster: string, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  await waitUntil({ what: `default ServiceAccount in ${namespace} of ${cluster}`, withinMs: 180_000 }, () =>
    api.get(path),
  );
}
