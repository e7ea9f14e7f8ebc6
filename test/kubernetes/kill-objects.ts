import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { builderFor, type Tier } from '../../lab/kubernetes/object-builder.ts';

/** What stands in the cluster whose parts are killed, and is taken away and brought back. */
export const NAMESPACE = 'shop-kill';

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const crates = {
  group: 'kill.example',
  scope: 'Namespaced',
  names: { kind: 'Crate', listKind: 'CrateList', plural: 'crates', singular: 'crate' },
  versions: [
    {
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    },
  ],
};

const ROLES = 120;
const PLAIN = 60;
/** More than one chunk of writes, so that there is a middle. */
const MAPS = 240;

export const platformObjects = (): readonly KubernetesObject[] => {
  const make = builderFor('platform');
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
  const definition = make('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  const role = make('rbac.authorization.k8s.io/v1', 'Role');
  const map = make('v1', 'ConfigMap');
  return [
    definition('crates.kill.example', { spec: crates }),
    ...Array.from({ length: ROLES }, (_, index) => role(`role-${index}`, { rules }, NAMESPACE)),
    ...Array.from({ length: PLAIN }, (_, index) => map(`plain-${index}`, { data: { a: '1' } }, NAMESPACE)),
  ];
};

export const serviceObjects = (): readonly KubernetesObject[] => {
  const make = builderFor('service');
  const map = make('v1', 'ConfigMap');
  const template = { spec: { containers: [{ image: 'registry.example/cart' }] } };
  const service = make('serving.knative.dev/v1', 'Service')('cart', { spec: { template } }, NAMESPACE);
  // Long enough that somebody can die while it is waited for.
  const annotations = { 'lab.siteshift.test/ready-after': '3s' };
  return [
    ...Array.from({ length: MAPS }, (_, index) => map(`map-${index}`, { data: { a: '1' } }, NAMESPACE)),
    { ...service, metadata: { ...service.metadata, annotations } },
  ];
};

export const collections: Readonly<Record<Tier, readonly string[]>> = {
  platform: [
    DEFINITIONS,
    `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/roles`,
    `/api/v1/namespaces/${NAMESPACE}/configmaps`,
  ],
  service: [
    `/api/v1/namespaces/${NAMESPACE}/configmaps`,
    `/apis/serving.knative.dev/v1/namespaces/${NAMESPACE}/services`,
  ],
};
