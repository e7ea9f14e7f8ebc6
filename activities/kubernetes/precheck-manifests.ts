import type { ManifestFinding } from '../../domain/kubernetes/manifest-findings.ts';
import { groupOf, list, mapping, nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { ApiError } from './api-error.ts';
import { applyObject, sentFor, type ApplyOptions } from './apply-object.ts';
import type { KubernetesClient } from './client.ts';
import { discoveryOf, type Resource } from './discovery.ts';
import { inLanes } from './lanes.ts';
import { listObjects } from './list.ts';
import type { Compared } from './live-objects.ts';

export interface Conflict {
  readonly object: string;
  readonly managers: readonly string[];
}

export interface Precheck {
  readonly findings: readonly ManifestFinding[];
  /** Fields of others that would be taken over. */
  readonly conflicts: readonly Conflict[];
  /** Namespaces that neither the cluster nor the manifests have: a backup must bring them. */
  readonly missingNamespaces: readonly string[];
}

/**
 * Tries every manifest against the cluster without changing anything: also one that stands there as stored, because what
 * the cluster takes (definitions, policies, webhooks) may have changed since.
 * @param unfit what has findings of its own: those are said already, and a Secret in clear text is sent nowhere
 */
export async function precheckManifests(
  client: KubernetesClient,
  compared: readonly Compared[],
  unfit: ReadonlySet<KubernetesObject>,
  options: ApplyOptions,
): Promise<Precheck> {
  const present = await namespacesOf(client);
  const brought = new Set(compared.flatMap(({ manifest }) => namespaceBrought(manifest.object)));
  const defined = new Set(compared.flatMap(({ manifest }) => kindsDefined(manifest.object)));
  const findings: ManifestFinding[] = [];
  const conflicts: Conflict[] = [];
  const missing = new Set<string>();
  const fit = compared.filter(({ manifest }) => !unfit.has(manifest.object));
  await inLanes(fit, client.inFlight, async ({ manifest, comparison, resource }) => {
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
    const sent = sentFor(manifest, comparison);
    const tried = isThere ? sent : inDefault(sent);
    // What Velero restored is signed over to us before it is applied.
    const isSignedOver = comparison.kind === 'update' && comparison.takeOver !== undefined;
    const problem = isSignedOver
      ? await dryRun(client, resource, tried, { ...options, force: true })
      : await tryAmongOthers(client, resource, tried, {
          ...options,
          onConflict: (managers) => conflicts.push({ object: nameOf(object), managers }),
        });
    if (problem !== undefined) findings.push({ object: nameOf(object), problem });
  });
  return { findings, conflicts, missingNamespaces: [...missing].toSorted() };
}

/** Who else owns the fields is asked also where they would be taken over: a person wants to know from whom. */
async function tryAmongOthers(
  client: KubernetesClient,
  resource: Resource,
  manifest: StoredManifest,
  options: ApplyOptions & { readonly onConflict: (managers: readonly string[]) => void },
): Promise<string | undefined> {
  try {
    return await dryRun(client, resource, manifest, { ...options, force: false });
  } catch (error) {
    if (!(error instanceof ApiError) || error.conflicts.length === 0) throw error;
    if (!options.force) return error.message;
    options.onConflict([...new Set(error.conflicts.map(({ manager }) => manager))]);
    return dryRun(client, resource, manifest, options);
  }
}

/**
 * What the server would say. Answers that only mean "not yet" are none of the manifest's fault.
 * @throws ApiError with the conflicts, where fields belong to others and are not to be taken over
 */
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
    if (!(error instanceof ApiError) || error.conflicts.length > 0) throw error;
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
