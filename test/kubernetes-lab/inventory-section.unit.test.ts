import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';
import { kubernetesSection } from '../../lab/kubernetes/inventory-section.ts';
import { serviceObjects } from '../../lab/kubernetes/service-objects.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-section-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const section = () =>
  kubernetesSection(
    {
      east: { kubeconfig: (identity) => `/lab/east/${identity}.json` },
      west: { kubeconfig: (identity) => `/lab/west/${identity}.json` },
      store: {
        url: 'http://127.0.0.1:9000',
        region: 'us-east-1',
        bucket: 'backups',
        manifestBucket: 'manifests',
        accessKey: 'the-access-key',
        secretKey: 'the-secret-key',
      },
    },
    { folder, nodes: 8 },
  );

it('is a valid section of the inventory, with the limited identity', () => {
  const parsed = kubernetesSchema.parse(section());
  expect(parsed.clusters['west']?.kubeconfig).toBe('file:/lab/west/orchestrator.json');
  expect(parsed.clusters['west']?.nodePools['workers']).toMatchObject({
    nodes: 8,
    selector: 'lab.siteshift.test/pool=workers',
  });
});

it('names Knative Services that exist and hosts that no VirtualService has yet', () => {
  const objects = serviceObjects();
  const knative = new Set(
    objects
      .filter(({ apiVersion }) => apiVersion.startsWith('serving.knative.dev/'))
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  );
  const taken = new Set(
    objects
      .filter(({ kind }) => kind === 'VirtualService')
      .flatMap(({ spec }) => (spec as { readonly hosts: readonly string[] }).hosts),
  );
  const { meshHosts } = kubernetesSchema.parse(section());
  const entries = Object.entries(meshHosts);
  expect(entries.length).toBeGreaterThan(0);
  expect(entries.filter(([, { namespace, service }]) => !knative.has(`${namespace}/${service}`))).toEqual([]);
  expect(entries.filter(([host]) => taken.has(host))).toEqual([]);
});

it('keeps the keys of the store in files of ours only', () => {
  const text = JSON.stringify(section());
  expect(text).not.toContain('the-secret-key');
  const { manifestStores } = kubernetesSchema.parse(section());
  const store = manifestStores['manifests'];
  if (store?.kind !== 's3') throw new Error('expected an S3 store');
  const file = store.secretKey.replace('file:', '');
  expect(readFileSync(file, 'utf8')).toBe('the-secret-key');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
