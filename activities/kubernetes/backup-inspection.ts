import { good, problem, warning, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { groupOf, mapping, textOf } from '../../domain/kubernetes/object.ts';
import type { KubernetesClient } from './client.ts';
import type { ReadableBackup } from './backup-content.ts';
import { discoveryOf } from './discovery.ts';

/** What of a backup a cluster could not even read. */
export async function inspectBackup(
  client: KubernetesClient,
  backup: ReadableBackup,
): Promise<readonly KubernetesFinding[]> {
  return [
    ...(await servedVersions(client, backup)),
    good(
      `content of ${backup.facts.name}`,
      `${backup.objects.length} objects read, ${backup.wanted.length} to restore`,
    ),
  ];
}

/** A kind whose stored version the standby does not serve cannot be restored, whatever other versions it has. */
async function servedVersions(
  client: KubernetesClient,
  { wanted, objects, facts }: ReadableBackup,
): Promise<readonly KubernetesFinding[]> {
  const what = `API versions of ${facts.name} on ${client.name}`;
  const defined = new Set(
    objects
      .filter(({ object }) => object.kind === 'CustomResourceDefinition')
      .map(({ object }) => textOf(mapping(object['spec'])['group'])),
  );
  const kinds = new Map(wanted.map(({ object }) => [`${object.apiVersion} ${object.kind}`, object]));
  const findings: KubernetesFinding[] = [];
  for (const { apiVersion, kind } of kinds.values()) {
    if ((await discoveryOf(client).find(apiVersion, kind)) !== undefined) continue;
    const versions = await discoveryOf(client).versionsOf(groupOf(apiVersion), kind);
    const served = versions.length === 0 ? 'no version' : versions.join(', ');
    const seen = `${kind} in ${apiVersion}: ${served} served`;
    const isBrought = versions.length === 0 && defined.has(groupOf(apiVersion));
    findings.push(
      isBrought
        ? warning(what, `${seen}, its definition is in the backup`, 'install the definition beforehand')
        : problem(what, seen, 'install or upgrade its definition'),
    );
  }
  return findings.length > 0 ? findings : [good(what, `all ${kinds.size} kinds are served`)];
}
