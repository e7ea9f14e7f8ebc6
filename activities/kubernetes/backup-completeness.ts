import { good, problem, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { groupOf } from '../../domain/kubernetes/object.ts';
import { isRestored, itemKey } from '../../domain/kubernetes/restore-plan.ts';
import { takes } from '../../domain/kubernetes/velero-filters.ts';
import type { BackupFacts } from '../../domain/kubernetes/backup-choice.ts';
import type { BackupObject } from './backup-archive.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, resourceName, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { forEachObject } from './list.ts';

const excludeLabel = 'velero.io/exclude-from-backup';
/** Kinds without stored objects of their own, and Velero's. */
const skippedGroups = new Set([
  'velero.io',
  'metrics.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
]);

/**
 * Whether a backup holds what the primary cluster had when it began. Velero learns new kinds only every five minutes:
 * a backup soon after a definition was installed is Completed, without a warning, and lacks every object of that kind.
 */
export async function backupCompleteness(
  primary: KubernetesClient,
  veleroNamespace: string,
  facts: BackupFacts,
  objects: readonly BackupObject[],
): Promise<readonly KubernetesFinding[]> {
  const what = `completeness of ${facts.name}`;
  await discoveryOf(primary).refresh(); // the newest kinds are the ones that a backup lacks
  const held = new Set(objects.map(itemKey));
  const lacking = new Map<string, string[]>();
  let looked = 0;
  await inLanes(await candidates(primary), 4, async (resource) => {
    const name = resourceName(resource);
    await forEachObject(primary, resource, { metadataOnly: true }, ({ metadata }) => {
      const { namespace, labels = {} } = metadata;
      const item = {
        resource: name,
        name: metadata.name,
        labels,
        ...(namespace === undefined ? {} : { namespace }),
      };
      const isExpected =
        isRestored(item, veleroNamespace) &&
        takes(facts.filters, { ...item, kind: resource.kind }) &&
        labels[excludeLabel] !== 'true' &&
        Date.parse(metadata.creationTimestamp ?? '') < facts.startedAt;
      if (!isExpected) return;
      looked += 1;
      if (held.has(itemKey(item))) return;
      const names = lacking.get(name) ?? [];
      names.push(namespace === undefined ? metadata.name : `${namespace}/${metadata.name}`);
      lacking.set(name, names);
    });
  });
  if (lacking.size === 0)
    return [good(what, `all ${looked} objects that ${primary.name} had at its start are in it`)];
  const kinds = [...lacking].map(
    ([name, names]) => `${names.length} ${name} (${names.slice(0, 2).join(', ')})`,
  );
  const seen = `it lacks ${kinds.slice(0, 8).join('; ')} of ${primary.name}`;
  return [
    problem(
      what,
      seen,
      'take another backup; Velero learns new kinds within five minutes, or at its restart',
    ),
  ];
}

/** Each kind once, in one of the versions that are served. */
async function candidates(primary: KubernetesClient): Promise<readonly Resource[]> {
  const kinds = new Map<string, Resource>();
  for (const resource of await discoveryOf(primary).all()) {
    const name = resourceName(resource);
    if (!skippedGroups.has(groupOf(resource.apiVersion)) && !kinds.has(name)) kinds.set(name, resource);
  }
  return [...kinds.values()];
}
