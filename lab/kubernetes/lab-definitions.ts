import type { KubernetesObject } from './kubernetes-object.ts';

const GROUP = 'lab.siteshift.test';
export const NODE_POOLS_PATH = `/apis/${GROUP}/v1/nodepools`;
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

/** A pool; scale it with `PATCH …/scale`. */
export function nodePool(name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject {
  const metadata = { name, namespace: NODE_POOLS_NAMESPACE };
  return { apiVersion: `${GROUP}/v1`, kind: 'NodePool', metadata, spec };
}
