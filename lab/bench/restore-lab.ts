import { applyAll } from '../kubernetes/apply-all.ts';
import { takeBackup, syncNow } from '../kubernetes/backup.ts';
import { startKubernetesLab, type KubernetesLab } from '../kubernetes/kubernetes-lab.ts';
import type { KubernetesObject } from '../kubernetes/kubernetes-object.ts';
import { builderFor } from '../kubernetes/object-builder.ts';
import { fillPlatform } from '../kubernetes/platform.ts';
import { SERVICE_NAMESPACES } from '../kubernetes/service-objects.ts';
import { waitForLocation } from '../kubernetes/velero.ts';
import { openBench } from './open-bench.ts';

/** Nodes of the cluster that is lost, and that the standby must have in the end. */
export const NODES = 8;

export interface Filled {
  readonly lab: KubernetesLab;
  readonly folder: string;
  readonly platform: readonly KubernetesObject[];
  readonly services: readonly KubernetesObject[];
}

/** East filled and backed up, west empty. */
export async function onFreshLab<Result>(
  objects: number,
  say: (line: string) => void,
  work: (filled: Filled) => Promise<Result>,
): Promise<Result> {
  const { supervisor, ports, folder, close } = await openBench(say);
  try {
    const lab = await startKubernetesLab({
      dir: folder,
      supervisor,
      ports,
      nodes: { east: NODES, west: 1 },
      say,
    });
    const half = Math.round(objects / 2);
    const counts = split(half);
    const filled = await fillPlatform(lab.east, { services: counts, say });
    const more = moreOfThePlatform(half - filled.platform.length);
    await applyAll(lab.east.api, more, 'platform');
    await lab.east.processes.velero.restart(); // or it would not know the platform's kinds for five minutes
    await waitForLocation(lab.east);
    await takeBackup(lab.east, { name: 'daily-1', withinMs: 600_000 });
    await syncNow(lab.west, 'daily-1');
    return await work({ lab, folder, platform: [...filled.platform, ...more], services: filled.services });
  } finally {
    await close();
  }
}

const split = (count: number) => {
  const knativeServices = Math.round(count * 0.4);
  const deployments = Math.round(count * 0.1);
  const configMaps = Math.round(count * 0.3);
  return {
    knativeServices,
    deployments,
    configMaps,
    virtualServices: count - knativeServices - deployments - configMaps,
  };
};

function moreOfThePlatform(count: number): readonly KubernetesObject[] {
  const make = builderFor('platform')('v1', 'ConfigMap');
  return Array.from({ length: Math.max(0, count) }, (_, index) =>
    make(
      `more-${index}`,
      { data: { index: String(index) } },
      SERVICE_NAMESPACES[index % SERVICE_NAMESPACES.length],
    ),
  );
}
