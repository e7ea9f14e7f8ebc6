import type { ManifestFinding } from '../../domain/kubernetes/manifest-findings.ts';
import { groupOf, list, mapping, nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { ApiError } from './api-error.ts';
import { applyObject, type ApplyOptions } from './apply-object.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { listObjects } from './list.ts';
import type { Compared } from './live-objects.ts';

export interface Precheck {
  readonly findings: readonly ManifestFinding[];
  /** Namespaces that neither the cluster nor the manifests have: the restore must bring them. */
  readonly missingNamespaces: readonly string[];
  /** Objects that the server has looked at in a dry run. */
  readonly dryRuns: number;
}

/** Tries every manifest that would be written against the cluster without changing anything. */
export async function precheckManifests(
  client: KubernetesClient,
  compared: readonly Compared[],
  options: ApplyOptions,
): Promise<Precheck> {
  const present = await namespacesOf(client);
  const brought = new Set(compared.flatMap(({ manifest }) => namespaceBrought(manifest.object)));
  const defined = new Set(compared.flatMap(({ manifest }) => kindsDefined(manifest.object)));
  const findings: ManifestFinding[] = [];
  const missing = new Set<string>();
  let dryRuns = 0;
  const writes = compared.filter(({ comparison }) => comparison.kind !== 'unchanged');
  await inLanes(writes, client.inFlight, async ({ manifest, resource }) => {
    const { object } = manifest;
    const { namespace } = object.metadata;
    if (resource === undefined) {
      if (!defined.has(`${groupOf(object.apiVersion)}/${object.kind}`))
        findings.push(await unknownKind(client, object));
      return;
    }
    const misplaced = scopeProblem(resource, object);
    if (misplaced !== undefined) {
      findings.push({ object: nameOf(object), problem: misplaced });
      return;
    }
    const isThere = namespace === undefined || present.has(namespace);
    if (!isThere && !brought.has(namespace)) missing.add(namespace);
    dryRuns += 1;
    const problem = await dryRun(client, resource, isThere ? manifest : inDefault(manifest), options);
    if (problem !== undefined) findings.push({ object: nameOf(object), problem });
  });
  return { findings, missingNamespaces: [...missing].toSorted(), dryRuns };
}

/** What the server would say. Answers that only mean "not yet" are none of the manifest's fault. */
async function dryRun(
  client: KubernetesClient,
  resource: Resource,
  manifest: StoredManifest,
  options: ApplyOptions,
): Promise<string | undefined> {
  try {
    await applyObject(client, resource, manifest, { ...options, dryRun: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status.code === 404) return undefined;
    return error.message;
  }
}

/** For its schema any namespace does; `default` is always there. */
function inDefault(manifest: StoredManifest): StoredManifest {
  const { object } = manifest;
  return { ...manifest, object: { ...object, metadata: { ...object.metadata, namespace: 'default' } } };
}

function scopeProblem(resource: Resource, { kind, metadata }: KubernetesObject): string | undefined {
  const { namespace } = metadata;
  if (resource.namespaced && namespace === undefined) return `wrong namespace: ${kind} needs one, seen none`;
  if (!resource.namespaced && namespace !== undefined) {
    return `wrong namespace: ${kind} is cluster-wide, seen ${namespace}`;
  }
  return undefined;
}

async function unknownKind(client: KubernetesClient, object: KubernetesObject): Promise<ManifestFinding> {
  const { apiVersion, kind } = object;
  const versions = await discoveryOf(client).versionsOf(groupOf(apiVersion), kind);
  const served = versions.length === 0 ? 'no version of it' : versions.join(', ');
  return {
    object: nameOf(object),
    problem: `unknown kind ${kind} in ${apiVersion}: ${client.name} serves ${served}`,
  };
}

async function namespacesOf(client: KubernetesClient): Promise<ReadonlySet<string>> {
  const resource = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
  return new Set((await listObjects(client, resource)).map(({ metadata }) => metadata.name));
}

const namespaceBrought = ({ apiVersion, kind, metadata }: KubernetesObject): readonly string[] =>
  apiVersion === 'v1' && kind === 'Namespace' ? [metadata.name] : [];

/** Kinds that a CustomResourceDefinition among the manifests will define. */
function kindsDefined(object: KubernetesObject): readonly string[] {
  if (object.kind !== 'CustomResourceDefinition') return [];
  const { group, names, versions } = mapping(object['spec']);
  const { kind } = mapping(names);
  return list(versions).length === 0 ? [] : [`${String(group)}/${String(kind)}`];
}
