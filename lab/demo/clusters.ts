import { runCli } from '../cli.ts';
import { compareWithSnapshot, type Comparison, type Snapshot } from '../kubernetes/compare-clusters.ts';
import type { KubernetesObject } from '../kubernetes/kubernetes-object.ts';
import { bringIntoProduction, type SiteClusters } from '../kubernetes/site-clusters.ts';
import type { TwoSiteLab } from '../two-site-lab.ts';
import { MemoryWatch } from '../watch/memory-watch.ts';

/** What the demo's JSON says besides about the Kubernetes half. */
export interface ClusterFigures extends Comparison {
  /** Most resident memory of both control planes, their Veleros and the store together. */
  readonly kubernetesPeakMb: number;
}

export interface ClustersInProduction {
  /** Compares the surviving cluster with what the lost one held. */
  compare(): Promise<ClusterFigures>;
}

/** A normal day: the east runs everything, a backup was taken, and siteshift has recorded the manifests. */
export async function prepareClusters(
  lab: TwoSiteLab,
  clusters: SiteClusters,
  output: { readonly say: (line: string) => void; readonly onProgress: (text: string) => void },
): Promise<ClustersInProduction> {
  const memory = new MemoryWatch(() => clusters.parts());
  const expected = await bringIntoProduction(clusters, output.say);
  const capture = ['manifests', 'capture', '--at', 'east'];
  output.say(`$ siteshift ${capture.join(' ')}`);
  const { code } = await runCli(lab.environment, capture, output.onProgress);
  if (code !== 0) throw new Error(`siteshift manifests capture: expected exit code 0, saw ${code}`);
  return { compare: () => compare(clusters, expected, memory) };
}

async function compare(
  { lab: { west }, hosts }: SiteClusters,
  expected: Snapshot,
  memory: MemoryWatch,
): Promise<ClusterFigures> {
  const comparison = await compareWithSnapshot(west.api, behindTheMesh(expected, hosts));
  const routes = await west.api.list('/apis/networking.istio.io/v1/virtualservices');
  const wrong = Object.keys(hosts).flatMap((host) => {
    const answering = routes.filter(({ spec }) => (spec as { hosts: string[] }).hosts.includes(host)).length;
    return answering === 1 ? [] : [`host ${host}: expected one VirtualService, seen ${answering}`];
  });
  return {
    ...comparison,
    differences: [...comparison.differences, ...wrong],
    kubernetesPeakMb: memory.stop(),
  };
}

/** The one thing that the failover changes on purpose: services behind the mesh become cluster-local. */
function behindTheMesh(expected: Snapshot, hosts: SiteClusters['hosts']): Snapshot {
  const meant = new Set(Object.values(hosts).map(({ namespace, service }) => `${namespace}/${service}`));
  return new Map(
    [...expected].map(([key, object]): [string, KubernetesObject] => {
      const { metadata } = object;
      const isMeant = meant.has(`${metadata.namespace}/${metadata.name}`);
      if (!isMeant || !object.apiVersion.startsWith('serving.knative.dev/')) return [key, object];
      const labels = { ...metadata.labels, 'networking.knative.dev/visibility': 'cluster-local' };
      return [key, { ...object, metadata: { ...metadata, labels } }];
    }),
  );
}
