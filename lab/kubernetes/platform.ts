import type { Say } from '../engines/cache.ts';
import { applyAll } from './apply-all.ts';
import type { ApiClient } from './api-client.ts';
import { dailySchedule } from './backup.ts';
import type { Cluster } from './cluster.ts';
import { installDefinitions } from './install-definitions.ts';
import { describeObject, type KubernetesObject } from './kubernetes-object.ts';
import { platformObjects } from './platform-objects.ts';
import { DEMO_SERVICES, SERVICE_NAMESPACES, serviceObjects, type ServiceCounts } from './service-objects.ts';
import { waitUntil } from './wait-until.ts';

export interface FilledPlatform {
  /** What a backup has to bring back: at least 300 objects. */
  readonly platform: readonly KubernetesObject[];
  /** What the manifest store has to bring back: at least 200 objects. */
  readonly services: readonly KubernetesObject[];
}

/**
 * Fills a cluster as a platform team and its service teams would, each under a field manager of its own
 * (`platform`, `delivery`), and waits until all of it is ready.
 */
export async function fillPlatform(
  cluster: Cluster,
  options: { readonly services?: ServiceCounts; readonly say: Say },
): Promise<FilledPlatform> {
  const { api, name } = cluster;
  const { definitions, namespaces, rest } = platformObjects(SERVICE_NAMESPACES);
  const platform = [...definitions, ...namespaces, ...rest];
  const services = serviceObjects(options.services ?? DEMO_SERVICES);
  await installDefinitions(api, name, definitions);
  await applyAll(api, namespaces, 'platform');
  await applyAll(api, [...rest, dailySchedule(name)], 'platform');
  options.say(`${name}: ${platform.length} objects of the platform`);
  await applyAll(api, services, 'delivery');
  await waitForServices(cluster, services, 300_000);
  options.say(`${name}: ${services.length} objects of services, all ready`);
  return { platform, services };
}

/** Waits until every Deployment among the objects has its pods and every Knative Service says Ready. */
export async function waitForServices(
  { api, name }: Pick<Cluster, 'api' | 'name'>,
  services: readonly KubernetesObject[],
  withinMs: number,
): Promise<void> {
  await waitUntil({ what: `services of ${name} ready`, withinMs, everyMs: 500 }, async () => {
    const missing = await unreadyServices(api, services);
    if (missing.length > 0) {
      throw new Error(`${missing.length} not ready: ${missing.slice(0, 5).join(', ')}…`);
    }
  });
}

/** Those of the Deployments and Knative Services that are not ready now; other kinds just are. */
export async function unreadyServices(
  api: ApiClient,
  services: readonly KubernetesObject[],
): Promise<readonly string[]> {
  const wanted = services.filter(becomesReady).map(describeObject);
  const ready = new Set([...(await readyDeployments(api)), ...(await readyKnativeServices(api))]);
  return wanted.filter((one) => !ready.has(one));
}

const DEPLOYMENTS = '/apis/apps/v1/deployments';
const KNATIVE_SERVICES = '/apis/serving.knative.dev/v1/services';

function becomesReady({ apiVersion, kind }: KubernetesObject): boolean {
  return (
    (apiVersion === 'apps/v1' && kind === 'Deployment') ||
    (apiVersion === 'serving.knative.dev/v1' && kind === 'Service')
  );
}

interface Observed extends KubernetesObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

async function readyDeployments(api: ApiClient): Promise<string[]> {
  return (await listObserved(api, DEPLOYMENTS))
    .filter(({ spec, status }) => (status?.availableReplicas ?? 0) >= (spec.replicas ?? 1))
    .map((object) => describeObject({ ...object, kind: 'Deployment' }));
}

async function readyKnativeServices(api: ApiClient): Promise<string[]> {
  return (await listObserved(api, KNATIVE_SERVICES))
    .filter(({ metadata, status }) => status?.observedGeneration === metadata['generation'])
    .filter(({ status }) => status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'))
    .map((object) => describeObject({ ...object, kind: 'Service' }));
}

const listObserved = async (api: ApiClient, path: string) => (await api.list(path)) as readonly Observed[];
