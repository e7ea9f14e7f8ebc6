import { good, lookAt, problem, warning, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { imagesOf } from '../../domain/kubernetes/manifest-findings.ts';
import { keyOf, list, mapping, textOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { Coming } from '../../domain/kubernetes/quota.ts';
import type { NodePool } from '../../domain/schema/kubernetes.ts';
import { checkQuotas, describePools, nodeShortages } from './capacity-check.ts';
import type { KubernetesClient } from './client.ts';
import { inspectFamilies } from './inspect-families.ts';
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

/** What would not come to life on a cluster of all that a failover brings: the backup's part and the store's. */
export async function inspectContent(
  client: KubernetesClient,
  coming: Coming,
  pools: Readonly<Record<string, NodePool>>,
): Promise<readonly KubernetesFinding[]> {
  const objects = byKey([...coming.restored, ...coming.applied]);
  const quotas = lookAt(`quotas on ${client.name}`, `see to ${client.name}`, () =>
    inspectQuotas(client, coming),
  );
  const families = lookAt(`address families on ${client.name}`, `see to ${client.name}`, () =>
    inspectFamilies(client, objects),
  );
  return [
    ...(await storageClasses(client, objects)),
    ...(await quotas),
    ...(await families),
    ...inspectNodes(client.name, objects, pools),
    ...inspectImages(objects),
  ];
}

/** What stands in both is one object. */
const byKey = (objects: readonly KubernetesObject[]): readonly KubernetesObject[] => [
  ...new Map(objects.map((object) => [keyOf(object), object])).values(),
];

/** The step that orders nodes knows the manifests alone; the platform's pods need room, too. */
function inspectNodes(
  cluster: string,
  objects: readonly KubernetesObject[],
  pools: Readonly<Record<string, NodePool>>,
): readonly KubernetesFinding[] {
  if (Object.keys(pools).length === 0) return [];
  const what = `nodes of ${cluster}`;
  const short = nodeShortages(objects, pools, 'backup and store together');
  return short.length === 0
    ? [good(what, `${describePools(pools)} have room for what backup and store ask for`)]
    : short.map((seen) => warning(what, seen, 'plan more or larger nodes: some pods would wait for ever'));
}

async function inspectQuotas(
  client: KubernetesClient,
  coming: Coming,
): Promise<readonly KubernetesFinding[]> {
  const what = `quotas on ${client.name}`;
  const { quotas, shortages } = await checkQuotas(client, coming);
  if (shortages.length === 0) return [good(what, `all ${quotas} let through what would come`)];
  const more = shortages.length > SHOWN ? [`${shortages.length - SHOWN} more of this sort`] : [];
  return [...shortages.slice(0, SHOWN), ...more].map((seen) => problem(what, seen, 'raise the quota'));
}

async function storageClasses(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
): Promise<readonly KubernetesFinding[]> {
  const what = `storage classes on ${client.name}`;
  const present = (await listObjects(client, STORAGE_CLASSES)).map(({ metadata }) => metadata.name);
  const brought = objects.filter(({ kind }) => kind === 'StorageClass').map(({ metadata }) => metadata.name);
  const known = new Set([...present, ...brought]);
  const named = new Set(objects.flatMap(classesOf));
  const missing = [...named].filter((name) => !known.has(name)).toSorted();
  return missing.length === 0
    ? [good(what, `all ${named.size} that claims name are there`)]
    : [problem(what, `claims name ${cut(missing)}, not there`, 'create them')];
}

/** Classes that an object's claims name: a claim, or one that a StatefulSet makes for each of its pods. */
function classesOf({ kind, spec }: KubernetesObject): readonly string[] {
  const claims =
    kind === 'PersistentVolumeClaim'
      ? [{ spec }]
      : kind === 'StatefulSet'
        ? list(mapping(spec)['volumeClaimTemplates'])
        : [];
  return claims
    .map((claim) => textOf(mapping(mapping(claim)['spec'])['storageClassName']))
    .filter((name) => name !== '');
}

/** Images that would run: from where, and how many could change under our hands because they have no digest. */
export function inspectImages(objects: readonly KubernetesObject[]): readonly KubernetesFinding[] {
  const images = [...new Set(objects.flatMap(imagesOf))].toSorted();
  if (images.length === 0) return [];
  const registries = [...new Set(images.map(registryOf))].toSorted();
  const loose = images.filter((image) => !image.includes('@sha256:'));
  const what = 'images of services and platform';
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

/** `nginx` and `library/nginx` are Docker Hub's: a first part is a registry only with a dot or a port, or as localhost. */
function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}
