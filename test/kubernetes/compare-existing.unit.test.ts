import { expect, it } from 'vitest';
import type { BackupObject } from '../../activities/kubernetes/backup-archive.ts';
import type { ApiCall, KubernetesClient } from '../../activities/kubernetes/client.ts';
import { compareExisting } from '../../activities/kubernetes/compare-existing.ts';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';

const kinds = [
  { resource: 'configmaps', responseKind: { kind: 'ConfigMap' } },
  { resource: 'persistentvolumeclaims', responseKind: { kind: 'PersistentVolumeClaim' } },
  { resource: 'secrets', responseKind: { kind: 'Secret' } },
].map((one) => ({ ...one, scope: 'Namespaced', verbs: ['list'] }));

/** A server with these objects of each plural; `asked` notes each request for objects and how it was asked for. */
function serverWith(objects: Readonly<Record<string, readonly object[]>>) {
  const asked: string[] = [];
  const call = async ({ path, accept = '' }: ApiCall) => {
    if (path === '/api') return { items: [{ versions: [{ version: 'v1', resources: kinds }] }] };
    if (path === '/apis') return { items: [] };
    const [, plural = ''] = /^\/api\/v1\/(\w+)\?/.exec(path) ?? [];
    asked.push(`${plural}${accept.includes('PartialObjectMetadataList') ? ' (names)' : ''}`);
    return { metadata: {}, items: objects[plural] ?? [] };
  };
  const client = { name: 'west', inFlight: 8, call, untilReady: async () => undefined };
  return { asked, client: client as unknown as KubernetesClient };
}

const metadata = (name: string) => ({ name, namespace: 'shop' });
const inBackup = (
  resource: string,
  kind: string,
  name: string,
  more: object,
  apiVersion = 'v1',
): BackupObject => ({
  resource,
  namespace: 'shop',
  name,
  labels: {},
  object: { apiVersion, kind, metadata: metadata(name), ...more },
});
const { clusters } = kubernetesSchema.parse({ clusters: { west: { site: 'west', kubeconfig: 'file:/k' } } });

it('reads each kind once, whatever the number of objects, and only the names of what is not compared', async () => {
  const many = Array.from({ length: 300 }, (_, index) => `one-${index}`);
  const configMaps = many.map((name) => ({
    metadata: metadata(name),
    data: { a: name === 'one-7' ? '2' : '1' },
  }));
  const { client, asked } = serverWith({
    configmaps: configMaps,
    persistentvolumeclaims: [{ metadata: metadata('disk'), spec: { volumeName: 'other' } }],
  });
  const objects = [
    ...many.map((name) => inBackup('configmaps', 'ConfigMap', name, { data: { a: '1' } })),
    inBackup('persistentvolumeclaims', 'PersistentVolumeClaim', 'disk', { spec: { volumeName: 'mine' } }),
    inBackup('secrets', 'Secret', 'lost', { data: {} }),
    inBackup('gadgets.example', 'Gadget', 'any', {}, 'example/v1'),
  ];
  const { west } = clusters;
  if (west === undefined) throw new Error('no cluster');
  const signal = new AbortController().signal;
  const seen = await compareExisting(client, objects, { backup: { objects }, cluster: west, signal });
  expect(asked.toSorted()).toEqual(['configmaps', 'persistentvolumeclaims (names)', 'secrets']);
  expect(seen.differing.map(({ name }) => name)).toEqual(['one-7']);
  expect(seen.missing.map(({ name }) => name)).toEqual(['lost', 'any']);
  expect([seen.compared, seen.unknown]).toEqual([300, ['gadgets.example']]);
});
