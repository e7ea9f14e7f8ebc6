import { good, warning, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { itemKey } from '../../domain/kubernetes/restore-plan.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';
import type { ReadableBackup } from './backup-content.ts';
import type { KubernetesClient } from './client.ts';
import { compareExisting } from './compare-existing.ts';

const SHOWN = 10;

/** What a standby that is not empty has otherwise than the backup: a failover keeps it, and would serve with it. */
export async function inspectExisting(
  client: KubernetesClient,
  backup: ReadableBackup,
  { cluster, signal }: { readonly cluster: KubernetesCluster; readonly signal: AbortSignal },
): Promise<readonly KubernetesFinding[]> {
  const what = `objects of ${backup.facts.name} that ${client.name} has`;
  const { differing, compared } = await compareExisting(client, backup.wanted, { backup, cluster, signal });
  if (differing.length === 0) return [good(what, `all ${compared} are as in the backup`)];
  const names = differing.slice(0, SHOWN).map(itemKey).join(', ') + (differing.length > SHOWN ? ' …' : '');
  return [
    warning(
      what,
      `${differing.length} of ${compared} differ: ${names}`,
      'site-failover keeps them as they are: bring them up to date, or have its restoreBackup do it (existing: update)',
    ),
  ];
}
