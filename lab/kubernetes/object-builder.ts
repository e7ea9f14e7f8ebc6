import type { KubernetesObject } from './kubernetes-object.ts';

/** Tells what the backup carries from what the manifest store owns. */
export const TIER_LABEL = 'lab.siteshift.test/tier';
export type Tier = 'platform' | 'service';

/** Builds objects of one tier: `make('v1', 'ConfigMap')('name', { data }, 'namespace')`. */
export function builderFor(tier: Tier) {
  return (apiVersion: string, kind: string) =>
    (name: string, body: Readonly<Record<string, unknown>>, namespace?: string): KubernetesObject => ({
      apiVersion,
      kind,
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        labels: { [TIER_LABEL]: tier, 'app.kubernetes.io/name': name },
      },
      ...body,
    });
}

/** `01`, `02`… */
export const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(index + 1).padStart(2, '0'));

/** A Deployment that always runs the same image; its pods ask for what they need, so that nodes fill up. */
export function deploymentBody(options: {
  readonly name: string;
  readonly image: string;
  readonly replicas: number;
  readonly cpu: string;
  readonly memory: string;
  readonly configMap?: string;
}): Readonly<Record<string, unknown>> {
  const { name, image, replicas, cpu, memory, configMap } = options;
  const labels = { 'app.kubernetes.io/name': name };
  const source =
    configMap === undefined ? {} : { envFrom: [{ configMapRef: { name: configMap, optional: true } }] };
  const container = { name: 'main', image, resources: { requests: { cpu, memory } }, ...source };
  return {
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}
