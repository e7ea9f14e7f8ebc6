import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../domain/json.ts';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';
import { runCommand } from '../engines/run-command.ts';
import { kubernetesSection } from '../kubernetes/inventory-section.ts';
import type { KubernetesLab } from '../kubernetes/kubernetes-lab.ts';
import type { KubernetesObject } from '../kubernetes/kubernetes-object.ts';
import { waitForServices } from '../kubernetes/platform.ts';
import { VELERO_PATH } from '../kubernetes/velero.ts';
import { NODES, type Filled } from './restore-lab.ts';
import { runStepProcess, type StepRun } from './step-process.ts';

/** What a person would do who has prepared the standby: everything that Velero has, then the newest manifests. */
export async function restorePlainly({ lab, folder, services }: Filled) {
  const { api } = lab.west;
  await installDefinitions(lab);
  const startedAt = performance.now();
  await api.create({
    apiVersion: 'velero.io/v1',
    kind: 'Restore',
    metadata: { name: 'plain', namespace: 'velero' },
    spec: { backupName: 'daily-1' },
  });
  const restored = await waitForRestore(lab, 'plain');
  const restoreMs = performance.now() - startedAt;
  const manifests = join(folder, 'manifests');
  mkdirSync(manifests);
  services.forEach((object, index) =>
    writeFileSync(join(manifests, `${index}.json`), JSON.stringify(object)),
  );
  const flags = ['apply', '--server-side', '--force-conflicts', '-f', manifests];
  await runCommand(lab.programs.kubectl, [...flags, '--kubeconfig', lab.west.kubeconfig('orchestrator')], {
    timeoutMs: 600_000,
  });
  const applyMs = performance.now() - startedAt - restoreMs;
  await growAndWait(lab, services);
  return {
    totalMs: Math.round(performance.now() - startedAt),
    restoreMs: Math.round(restoreMs),
    applyMs: Math.round(applyMs),
    items: restored.items,
    phase: restored.phase,
    veleroPerSecond: Math.round((restored.items / restoreMs) * 1_000),
  };
}

async function growAndWait(lab: KubernetesLab, services: readonly KubernetesObject[]): Promise<void> {
  const pool = '/apis/lab.siteshift.test/v1/namespaces/node-pools/nodepools/workers/scale';
  await lab.west.api.call('PATCH', pool, { spec: { replicas: NODES } }, 'application/merge-patch+json');
  await waitForServices(lab.west, services, 300_000);
}

async function waitForRestore(lab: KubernetesLab, name: string) {
  for (;;) {
    const restore = await lab.west.api.get(`${VELERO_PATH}/restores/${name}`);
    const { phase = '', progress } = (restore['status'] ?? {}) as {
      readonly phase?: string;
      readonly progress?: { readonly itemsRestored?: number };
    };
    if (/^(Completed|PartiallyFailed|Failed|FailedValidation)$/.test(phase)) {
      return { phase, items: progress?.itemsRestored ?? 0 };
    }
    await sleep(250);
  }
}

export async function restoreByProduct({ lab, folder, services }: Filled) {
  const inventory = kubernetesSchema.parse(
    kubernetesSection(lab, { folder: join(folder, 'secrets'), nodes: NODES }),
  );
  const { west, east } = inventory.clusters;
  const store = { storeName: 'manifests', store: inventory.manifestStores['manifests'] };
  const target = { clusterName: 'west', cluster: west };
  await step('captureManifests', 0, {
    clusterName: 'east',
    cluster: east,
    ...store,
    domain: 'bench',
    services: inventory.services,
  });
  const location = { ...inventory.backupLocations['backups'], minimumItems: 1 };
  const prepared = await step('prepareStandby', 0, { ...target, locationName: 'backups', location });

  const startedAt = performance.now();
  const [scaled, restored] = await Promise.all([
    step('scaleOutNodes', 2, { ...target, poolName: 'workers', pool: west?.nodePools['workers'] }),
    step('restoreBackup', 2, {
      ...target,
      locationName: 'backups',
      location,
      services: inventory.services,
      direct: true,
      timeoutMs: 600_000,
      stuckMs: 120_000,
      attempts: 3,
    }),
  ]);
  const applied = await step('applyManifests', 2, {
    ...target,
    ...store,
    services: [],
    readyTimeoutMs: 300_000,
    onConflict: 'report',
    without: [],
  });
  const shifted = await Promise.all(
    Object.entries(inventory.meshHosts).map(([host, mesh]) =>
      step('shiftMesh', 2, { ...target, host, mesh }),
    ),
  );
  const wallMs = performance.now() - startedAt;
  await waitForServices(lab.west, services, 1_000); // the lab's own eye
  const msOf = ({ stepMs }: StepRun) => stepMs[0] ?? 0;
  const first = msOf(scaled) > msOf(restored) ? 'scaleOutNodes' : 'restoreBackup';
  const joinedMs = Math.max(msOf(scaled), msOf(restored));
  const shiftedMs = Math.max(0, ...shifted.map(msOf));
  const of = ({ wallMs, stepMs, outcome }: StepRun) => ({
    wallMs: Math.round(wallMs),
    stepMs: stepMs[0],
    ...outcome.durationsMs,
  });
  return {
    totalMs: Math.round(joinedMs + msOf(applied) + shiftedMs),
    wallMs: Math.round(wallMs),
    prepareStandby: of(prepared),
    scaleOutNodes: of(scaled),
    restoreBackup: { ...of(restored), details: restored.outcome.details },
    applyManifests: of(applied),
    shiftMesh: shifted.map(of),
    criticalPath: [
      `${first} ${Math.round(joinedMs)} ms`,
      `applyManifests ${Math.round(msOf(applied))} ms`,
      `shiftMesh ${Math.round(shiftedMs)} ms`,
    ],
  };
}

/** What readiness asks for long before the emergency: the standby has every definition that the primary has. */
async function installDefinitions({ east, west }: KubernetesLab): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const present = new Set((await west.api.list(path)).map(({ metadata }) => metadata.name));
  for (const { metadata, spec } of await east.api.list(path)) {
    if (present.has(metadata.name)) continue;
    const { name, labels } = metadata;
    await west.api.create({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name, ...(labels === undefined ? {} : { labels }) },
      spec,
    });
  }
}

async function step(kind: string, epoch: number, parameters: unknown): Promise<StepRun> {
  const run = await runStepProcess({
    kind,
    parameters: JSON.parse(JSON.stringify(parameters)) as Json,
    epoch,
  });
  if (run.outcome.status === 'done' || run.outcome.status === 'already') return run;
  throw new Error(`${kind}: expected done, seen ${run.outcome.status}: ${run.outcome.summary}`);
}
