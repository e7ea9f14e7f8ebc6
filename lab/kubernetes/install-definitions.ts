import type { ApiClient } from './api-client.ts';
import { applyAll } from './apply-all.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { waitUntil } from './wait-until.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
}

/** Applies CustomResourceDefinitions and waits until their kinds can be used and are in the published schema. */
export async function installDefinitions(
  api: ApiClient,
  cluster: string,
  definitions: readonly KubernetesObject[],
): Promise<void> {
  await applyAll(api, definitions, 'lab');
  const wanted = definitions.map(({ metadata }) => metadata.name);
  await waitUntil({ what: `definitions of ${cluster} established`, withinMs: 240_000 }, async () => {
    const present = await api.list('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
    const established = new Set(present.filter(isEstablished).map(({ metadata }) => metadata.name));
    const missing = wanted.filter((name) => !established.has(name));
    if (missing.length > 0) throw new Error(`not established: ${missing.join(', ')}`);
  });
  // The schema is published a moment later, and KWOK ends when a kind of its stages is not in it.
  await waitUntil({ what: `schema of ${cluster} published`, withinMs: 120_000 }, async () => {
    const { paths } = (await api.call('GET', '/openapi/v3')) as { paths: Readonly<Record<string, unknown>> };
    const missing = groupsOf(definitions).filter(
      (group) => !Object.keys(paths).some((path) => path.includes(group)),
    );
    if (missing.length > 0) throw new Error(`no schema of ${missing.join(', ')}`);
  });
}

function isEstablished(definition: KubernetesObject): boolean {
  const { conditions = [] } = (definition['status'] ?? {}) as { readonly conditions?: readonly Condition[] };
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}

function groupsOf(definitions: readonly KubernetesObject[]): string[] {
  return [...new Set(definitions.map(({ spec }) => (spec as { readonly group: string }).group))];
}
