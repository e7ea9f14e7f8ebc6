import type { KubernetesObject } from './kubernetes-object.ts';

const GROUP = 'lab.siteshift.test';
export const NODE_POOL_API_VERSION = `${GROUP}/v1`;
export const NODE_POOLS_PATH = `/apis/${NODE_POOL_API_VERSION}/nodepools`;
/** Where pools live: not in a namespace that a backup of the platform holds. */
export const NODE_POOLS_NAMESPACE = 'node-pools';

const integer = { type: 'integer', minimum: 0 };
const texts = { type: 'object', additionalProperties: { type: 'string' } };

/** The lab's kind of node pool: namespaced, with a scale subresource, as Cluster API's MachineDeployment. */
export const nodePoolDefinition: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `nodepools.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: 'NodePool', listKind: 'NodePoolList', plural: 'nodepools', singular: 'nodepool' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  replicas: integer,
                  bootMs: integer,
                  maxReplicas: integer,
                  deadReplicas: integer,
                  template: { type: 'object', properties: { labels: texts, capacity: texts } },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

/** Cluster API's annotation for how far an autoscaler may go: where others look for the quota of a pool. */
const MAXIMUM_SIZE = 'cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size';

/** A pool; scale it with `PATCH …/scale`. */
export function nodePool(
  name: string,
  spec: { readonly replicas: number; readonly bootMs: number; readonly maxReplicas: number },
): KubernetesObject {
  const annotations = { [MAXIMUM_SIZE]: String(spec.maxReplicas) };
  const metadata = { name, namespace: NODE_POOLS_NAMESPACE, annotations };
  return { apiVersion: NODE_POOL_API_VERSION, kind: 'NodePool', metadata, spec };
}
