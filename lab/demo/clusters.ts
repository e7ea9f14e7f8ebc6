import { runCli } from '../cli.ts';
import type { Comparison } from '../kubernetes/compare-clusters.ts';
import { compareSurvivor } from '../kubernetes/compare-survivor.ts';
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
  return {
    compare: async () => ({
      ...(await compareSurvivor(clusters, expected)),
      kubernetesPeakMb: memory.stop(),
    }),
  };
}
