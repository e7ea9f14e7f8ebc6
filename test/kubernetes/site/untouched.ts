import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { AuditedWrite } from '../../../lab/kubernetes/audit.ts';
import { openApi } from '../../../lab/kubernetes/api-client.ts';
import type { Cluster } from '../../../lab/kubernetes/cluster.ts';
import { lab } from './scene.ts';

const isDryRun = ({ uri }: AuditedWrite): boolean =>
  new URL(uri, 'http://server').searchParams.get('dryRun') === 'All';

/** Every file of the buckets with its content. */
function filesOfBuckets(): ReadonlyMap<string, string> {
  const { folder } = lab.store;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length), createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}

/** The log of a cluster sees the product's identity, and tells what is a dry run. */
async function assertWitness(cluster: Cluster): Promise<void> {
  const api = openApi(cluster.kubeconfig('orchestrator'));
  const before = cluster.writes().length;
  const path = '/api/v1/namespaces/default/configmaps/witness?fieldManager=lab';
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'witness' } };
  await api.call('PATCH', `${path}&dryRun=All`, object, 'application/apply-patch+yaml');
  await api.call('PATCH', path, object, 'application/apply-patch+yaml');
  await api.call('DELETE', path);
  api.close();
  const seen = cluster.writes().slice(before);
  expect(seen.map((write) => [write.verb, write.code, isDryRun(write)])).toEqual([
    ['patch', 201, true],
    ['patch', 201, false],
    ['delete', 200, false],
  ]);
}

/**
 * Asserts that work writes nothing to either cluster but dry runs on the standby, by what their API servers say that they
 * were asked, and leaves the buckets as they were. @returns paths of the dry runs
 */
export async function touchingNothing(work: () => Promise<void>): Promise<readonly string[]> {
  const { east, west } = lab;
  await Promise.all([east, west].map(assertWitness));
  const before = { east: east.writes().length, west: west.writes().length };
  const files = filesOfBuckets();
  expect(files.size).toBeGreaterThan(100);
  await work();
  expect(east.writes().slice(before.east)).toEqual([]);
  const written = west.writes().slice(before.west);
  expect(written.filter((write) => !isDryRun(write))).toEqual([]);
  expect(filesOfBuckets()).toEqual(files);
  return [...new Set(written.map(({ uri }) => new URL(uri, 'http://server').pathname))];
}
