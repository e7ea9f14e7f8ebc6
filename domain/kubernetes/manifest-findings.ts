import { list, mapping, nameOf, type KubernetesObject } from './object.ts';

/** Something about a manifest that forbids to store or to apply it. */
export interface ManifestFinding {
  readonly object: string;
  readonly problem: string;
}

/** etcd refuses requests above 1.5 MiB; managed fields and our marks need room as well. */
export const largestObjectBytes = 1_400 * 1_024;

/** What is wrong with one manifest by itself, whatever the cluster says. */
export function findingsOf(object: unknown, where: string): readonly ManifestFinding[] {
  const { apiVersion, kind, metadata } = mapping(object);
  const { name, namespace } = mapping(metadata);
  const problems: string[] = [];
  if (typeof apiVersion !== 'string' || apiVersion === '')
    problems.push('apiVersion: expected a text such as apps/v1');
  if (typeof kind !== 'string' || kind === '') problems.push('kind: expected a text such as Deployment');
  if (typeof name !== 'string' || name === '') problems.push('metadata.name: expected a name');
  if (namespace !== undefined && typeof namespace !== 'string')
    problems.push('metadata.namespace: expected a text');
  if (problems.length > 0) return problems.map((problem) => ({ object: where, problem }));
  const readable = object as KubernetesObject;
  if (kind === 'List' || kind?.toString().endsWith('List')) {
    problems.push('a list: expected its objects one by one');
  }
  if (isClearSecret(readable)) {
    problems.push(
      'a Secret in clear text: keep a reference in the store (ExternalSecret, SealedSecret) instead',
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes > largestObjectBytes) {
    problems.push(
      `${(bytes / 2 ** 20).toFixed(1)} MiB: the API server takes ${(largestObjectBytes / 2 ** 20).toFixed(1)} MiB at most`,
    );
  }
  for (const owned of ['uid', 'resourceVersion', 'managedFields']) {
    if (owned in readable.metadata)
      problems.push(`metadata.${owned} belongs to a cluster: store stripped manifests`);
  }
  return problems.map((problem) => ({ object: `${nameOf(readable)} (${where})`, problem }));
}

/** A Secret without data is a placeholder that a controller fills in. */
export function isClearSecret({ apiVersion, kind, ...members }: KubernetesObject): boolean {
  if (apiVersion !== 'v1' || kind !== 'Secret') return false;
  return [members['data'], members['stringData']].some((data) => Object.keys(mapping(data)).length > 0);
}

/** Two manifests of one object: the later one would silently win. */
export function duplicateFindings(
  named: readonly { readonly key: string; readonly object: string; readonly where: string }[],
): readonly ManifestFinding[] {
  const groups = Map.groupBy(named, ({ key }) => key);
  return [...groups.values()].flatMap((group) => {
    const [first, ...others] = group;
    if (first === undefined || others.length === 0) return [];
    const places = group.map(({ where }) => where).join(' and ');
    return [{ object: first.object, problem: `stands ${group.length} times: in ${places}` }];
  });
}

/** Images that a manifest runs, wherever its pod template stands; for the rehearsal. */
export function imagesOf(value: unknown): readonly string[] {
  const members = mapping(value);
  const own = ['containers', 'initContainers']
    .flatMap((key) => list(members[key]))
    .map((container) => mapping(container)['image'])
    .filter((image) => typeof image === 'string');
  const nested = Object.values(members).flatMap((member) =>
    Array.isArray(member) ? member.flatMap(imagesOf) : typeof member === 'object' ? imagesOf(member) : [],
  );
  return [...new Set([...own, ...nested])];
}
