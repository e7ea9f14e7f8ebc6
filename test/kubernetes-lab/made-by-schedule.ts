import { expect } from 'vitest';
import { runStep } from '../../activities/define-step.ts';
import { restoreBackup } from '../../activities/restore-backup.ts';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';
import { dailySchedule } from '../../lab/kubernetes/backup.ts';
import type { Cluster } from '../../lab/kubernetes/cluster.ts';
import { kubernetesSection } from '../../lab/kubernetes/inventory-section.ts';
import type { KubernetesLab } from '../../lab/kubernetes/kubernetes-lab.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { VELERO_PATH } from '../../lab/kubernetes/velero.ts';
import { waitUntil } from '../../lab/kubernetes/wait-until.ts';
import { operation, stepInput, stepTools } from '../kubernetes/step-tools.ts';

const NAME = 'minutely';
const { spec, metadata, ...schedule } = dailySchedule('east');

/** The lab's own Schedule but for its name and its times: Velero makes the backups, and nobody's hand. */
export const everyMinute: KubernetesObject = {
  ...schedule,
  metadata: { ...metadata, name: NAME },
  spec: { ...(spec as object), schedule: '* * * * *', skipImmediately: false },
};

/** Looks for what the Schedule made, at the latest two minutes after it was; no more are made from then on. */
export async function expectMadeBySchedule({ api }: Cluster): Promise<void> {
  const label = encodeURIComponent(`velero.io/schedule-name=${NAME}`);
  const completed = () =>
    waitUntil({ what: 'backups by the Schedule completed', withinMs: 180_000 }, async () => {
      const backups = await api.list(`${VELERO_PATH}/backups?labelSelector=${label}`);
      const phases = backups.map(({ status }) => (status as { phase?: string } | undefined)?.phase);
      expect([...new Set(phases)]).toEqual(['Completed']);
      return backups;
    });
  await completed();
  const pause = { spec: { paused: true } };
  await api.call('PATCH', `${VELERO_PATH}/schedules/${NAME}`, pause, 'application/merge-patch+json');
  for (const backup of await completed()) {
    expect(backup.metadata.name).toMatch(/^minutely-\d{14}$/);
    expect(backup.metadata.labels).toMatchObject({ 'siteshift.dev/cluster': 'east' });
  }
}

/** @returns the backup that a restore on the west would take, of a Schedule and a cluster; or why there is none */
export function choosingFor(
  lab: KubernetesLab,
  folder: string,
): (ofSchedule: string, writer: string) => Promise<string> {
  const inventory = kubernetesSchema.parse(kubernetesSection(lab, { folder, nodes: 1 }));
  const { west: cluster } = inventory.clusters;
  const { backups: location } = inventory.backupLocations;
  if (cluster === undefined || location === undefined) throw new Error('the section of the lab lacks a part');
  return async (ofSchedule, writer) => {
    const parameters = {
      clusterName: 'west',
      cluster,
      locationName: 'backups',
      location: { ...location, schedule: ofSchedule, minimumItems: 1 }, // the first one was made while the east was filled
      writers: [writer],
      direct: true,
      timeoutMs: 60_000,
      stuckMs: 60_000,
      attempts: 1,
    };
    const input = stepInput(parameters, { mode: 'precheck', operation: operation(0) });
    const { summary, before } = await runStep(restoreBackup, input, stepTools());
    const { backup } = before as { readonly backup: { readonly name: string } | null };
    return backup?.name ?? summary;
  };
}
