import { usualPatience } from '../../domain/kubernetes/answers.ts';
import { mapping, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { inLanes } from './lanes.ts';

/** What server-side apply of a new object takes. */
const VERBS = ['create', 'patch'];
const AT_ONCE = 8;

/**
 * Those of the resources (`plural` or `plural.group`) of which our identity may create objects everywhere. Asked
 * beforehand, because what is only found out by a refusal comes last, when everything else is done.
 */
export async function writableResources(
  client: KubernetesClient,
  resources: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const refused = new Set<string>();
  const questions = [...resources].flatMap((resource) => VERBS.map((verb) => ({ resource, verb })));
  await inLanes(questions, AT_ONCE, async ({ resource, verb }) => {
    if (!(await mayDo(client, resource, verb))) refused.add(resource);
  });
  return new Set([...resources].filter((resource) => !refused.has(resource)));
}

async function mayDo(client: KubernetesClient, name: string, verb: string): Promise<boolean> {
  const [resource = '', ...group] = name.split('.');
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb, group: group.join('.'), resource } },
  };
  try {
    const answer = await client.call<KubernetesObject>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: JSON.stringify(review),
      patience: { ...usualPatience, doubtfulMs: 0 },
    });
    return mapping(answer['status'])['allowed'] === true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return true; // a server that does not tell beforehand tells when we write
  }
}
