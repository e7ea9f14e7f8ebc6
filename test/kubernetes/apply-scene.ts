import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { openFolderFiles } from '../../activities/kubernetes/manifest-store-folder.ts';
import { makeStore, type ManifestStore } from '../../activities/kubernetes/manifest-store.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { ApplyManifestsParameters } from '../../domain/kubernetes/parameters.ts';
import { replicasOf, scaledBy } from '../../domain/kubernetes/autoscaled.ts';
import { gatherServices } from '../../domain/kubernetes/services.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';

/** A manifest store in a temporary folder and the parameters that point at it. */
export interface Scene {
  readonly folder: string;
  readonly store: ManifestStore;
  /** Records what a cluster runs, as of an epoch. */
  keep(objects: readonly KubernetesObject[], epoch?: number, cluster?: 'east' | 'west'): Promise<void>;
  parameters(cluster: KubernetesCluster, more?: Partial<ApplyManifestsParameters>): ApplyManifestsParameters;
  remove(): void;
}

let captures = 0;

export function openScene(): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-scene-'));
  const store = makeStore(openFolderFiles(folder));
  return {
    folder,
    store,
    keep: async (objects, epoch = 1, cluster = 'east') => {
      captures += 1;
      const services = gatherServices(objects, {
        namespaces: [],
        serviceLabel: 'app.kubernetes.io/instance',
      });
      const replicas = replicasOf(objects, scaledBy(objects));
      const verdict = await store.record({
        cluster,
        epoch,
        capturedAt: captures,
        services,
        replicas,
      });
      if (verdict.kind === 'stale') throw new Error(verdict.because);
    },
    parameters: (cluster, more = {}) => ({
      clusterName: 'west',
      cluster,
      storeName: 'manifests',
      store: { kind: 'folder', path: folder, maximumAgeMs: 3_600_000 },
      services: [],
      readyTimeoutMs: 2_000,
      onConflict: 'report',
      without: [],
      ...more,
    }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

export const namespaces = (...names: readonly string[]): KubernetesObject[] =>
  names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));

export const configMaps = (namespace: string, count: number, data: Record<string, string> = { a: '1' }) =>
  Array.from({ length: count }, (_, index): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `map-${index}`, namespace },
    data,
  }));

/** Runs a step in a process of its own, so that it can be killed. */
export async function runStepProcess(
  kind: string,
  input: StepInput<unknown>,
  ...stopAt: readonly { readonly point: string; readonly marker: string }[]
): Promise<{
  readonly outcome: StepOutcome | undefined;
  readonly signal: string | null;
  readonly errors: string;
}> {
  const child = spawn(process.execPath, ['worker/run-step.ts', kind], {
    env: { ...process.env, ...(stopAt.length === 0 ? {} : { SITESHIFT_STOP_AT: JSON.stringify(stopAt) }) },
  });
  child.stdin.end(JSON.stringify(input));
  const [output, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined,
  ]);
  const outcome = output.startsWith('{') ? (JSON.parse(output) as StepOutcome) : undefined;
  return { outcome, signal: child.signalCode, errors };
}

/** A path to a server that counts its connections. */
export async function countingProxy(target: string) {
  const { hostname, port } = new URL(target);
  let count = 0;
  const server = createServer((client) => {
    count += 1;
    const upstream = connect(Number(port), hostname);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      socket.on('error', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => count,
    close: () => server.close(),
  };
}
