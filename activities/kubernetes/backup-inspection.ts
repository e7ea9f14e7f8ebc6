import { good, problem, warning, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { imagesOf } from '../../domain/kubernetes/manifest-findings.ts';
import { groupOf, mapping, textOf } from '../../domain/kubernetes/object.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import type { KubernetesClient } from './client.ts';
import type { ReadableBackup } from './backup-content.ts';
import { discoveryOf } from './discovery.ts';
import { listObjects } from './list.ts';

const STORAGE_CLASSES = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
};
const SHOWN = 10;
const cut = (texts: readonly string[]): string =>
  texts.slice(0, SHOWN).join(', ') + (texts.length > SHOWN ? ` and ${texts.length - SHOWN} more` : '');

/** What of a backup's content would not come to life on a cluster. Only reads. */
export async function inspectBackup(
  client: KubernetesClient,
  backup: ReadableBackup,
): Promise<readonly KubernetesFinding[]> {
  return [
    ...(await servedVersions(client, backup)),
    ...(await storageClasses(client, backup)),
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

async function storageClasses(
  client: KubernetesClient,
  { wanted }: ReadableBackup,
): Promise<readonly KubernetesFinding[]> {
  const what = `storage classes on ${client.name}`;
  const present = new Set((await listObjects(client, STORAGE_CLASSES)).map(({ metadata }) => metadata.name));
  const brought = wanted.filter(({ object }) => object.kind === 'StorageClass').map(({ name }) => name);
  const named = wanted
    .filter(({ resource }) => resource === 'persistentvolumeclaims')
    .map(({ object }) => textOf(mapping(object['spec'])['storageClassName']))
    .filter((name) => name !== '');
  const missing = [...new Set(named)].filter((name) => !present.has(name) && !brought.includes(name));
  return missing.length === 0
    ? [good(what, `all ${new Set(named).size} that claims name are there`)]
    : [problem(what, `claims name ${cut(missing)}, not there`, 'create them')];
}

/** Images that services run: from where, and how many could change under our hands because they have no digest. */
export function inspectImages(manifests: readonly StoredManifest[]): readonly KubernetesFinding[] {
  const images = [...new Set(manifests.flatMap(({ object }) => imagesOf(object)))];
  if (images.length === 0) return [];
  const registries = [...new Set(images.map((image) => image.split('/')[0] ?? ''))];
  const loose = images.filter((image) => !image.includes('@sha256:'));
  const what = 'images of the services';
  return [
    good(what, `${images.length} from ${cut(registries)}: the standby must reach them without the lost site`),
    ...(loose.length === 0
      ? []
      : [
          warning(
            what,
            `${loose.length} without a digest: ${cut(loose)}`,
            'pin digests: a tag is asked of its registry for each new revision',
          ),
        ]),
  ];
}
