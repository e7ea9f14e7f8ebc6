import { needsBothFamilies } from '../../domain/kubernetes/address-families.ts';
import { good, problem, type KubernetesFinding } from '../../domain/kubernetes/findings.ts';
import { nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';

const SHOWN = 10;
const probe = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { generateName: 'siteshift-probe-', namespace: 'default' },
  spec: { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] },
};

/** Whether a cluster takes Services that insist on both address families: the server is asked, by a dry run of one. */
export async function inspectFamilies(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
): Promise<readonly KubernetesFinding[]> {
  const demanding = objects.filter(needsBothFamilies);
  if (demanding.length === 0) return [];
  const what = `address families on ${client.name}`;
  try {
    await client.call({
      method: 'POST',
      path: '/api/v1/namespaces/default/services?dryRun=All',
      body: JSON.stringify(probe),
      contentType: 'application/json',
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status.code !== 422) throw error;
    const names = demanding.slice(0, SHOWN).map(nameOf).join(', ');
    const more = demanding.length > SHOWN ? ` and ${demanding.length - SHOWN} more` : '';
    return [
      problem(
        what,
        `${names}${more} would be refused, they are RequireDualStack: ${error.status.message}`,
        'give the cluster both families, or write PreferDualStack',
      ),
    ];
  }
  return [good(what, `both, as ${demanding.length} Services require`)];
}
