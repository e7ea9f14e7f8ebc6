import type { KubernetesObject } from './kubernetes-object.ts';
import { builderFor, deploymentBody, numbered } from './object-builder.ts';

const make = builderFor('service');

export interface ServiceCounts {
  readonly knativeServices: number;
  readonly deployments: number;
  readonly configMaps: number;
  readonly virtualServices: number;
}

export const DEMO_SERVICES: ServiceCounts = {
  knativeServices: 80,
  deployments: 40,
  configMaps: 60,
  virtualServices: 40,
};

const AREAS = ['cart', 'catalog', 'checkout', 'design', 'identity', 'orders', 'render', 'search'] as const;

/** Where users come in. */
export const PUBLIC_GATEWAY = 'knative-serving/knative-ingress-gateway';

/** Namespaces that the services are spread over. */
export const SERVICE_NAMESPACES: readonly string[] = AREAS.map((area) => `shop-${area}`);

/** What service teams deliver: as they would stand in the manifest store, the same ones each time. */
export function serviceObjects(counts: ServiceCounts = DEMO_SERVICES): KubernetesObject[] {
  return [
    ...each(counts.configMaps, configMap),
    ...each(counts.deployments, deployment),
    ...each(counts.knativeServices, knativeService),
    ...each(counts.virtualServices, virtualService),
  ];
}

interface Place {
  readonly area: string;
  readonly namespace: string;
  readonly index: string;
}

/** Spreads `count` objects evenly over the areas. */
function each(count: number, build: (place: Place) => KubernetesObject): KubernetesObject[] {
  return numbered(count).map((_, position) => {
    const area = AREAS[position % AREAS.length] ?? AREAS[0];
    const index = String(Math.floor(position / AREAS.length) + 1).padStart(2, '0');
    return ofService(`${area}-${index}`, build({ area, namespace: `shop-${area}`, index }));
  });
}

/** The label by which delivery tools group what belongs to one service. */
function ofService(service: string, object: KubernetesObject): KubernetesObject {
  const labels = { ...object.metadata.labels, 'app.kubernetes.io/instance': service };
  return { ...object, metadata: { ...object.metadata, labels } };
}

function configMap({ area, namespace, index }: Place): KubernetesObject {
  const data = {
    LOG_LEVEL: 'info',
    FEATURES: `new-${area},fast-path`,
    BATCH_SIZE: String(10 * Number(index)),
  };
  return make('v1', 'ConfigMap')(`${area}-${index}`, { data }, namespace);
}

function deployment({ area, namespace, index }: Place): KubernetesObject {
  const name = `${area}-worker-${index}`;
  const image = `registry.example/shop/${area}-worker@sha256:${'0123456789abcdef'.repeat(4)}`;
  const body = deploymentBody({
    name,
    image,
    replicas: 2,
    cpu: '500m',
    memory: '512Mi',
    configMap: `${area}-${index}`,
  });
  return make('apps/v1', 'Deployment')(name, body, namespace);
}

function knativeService({ area, namespace, index }: Place): KubernetesObject {
  const container = {
    image: `registry.example/shop/${area}@sha256:${'fedcba9876543210'.repeat(4)}`,
    ports: [{ containerPort: 8080 }],
    env: [{ name: 'SERVICE', value: `${area}-${index}` }],
    envFrom: [{ configMapRef: { name: `${area}-${index}`, optional: true } }],
    resources: { requests: { cpu: '250m', memory: '256Mi' } },
  };
  const annotations = { 'autoscaling.knative.dev/min-scale': '1', 'autoscaling.knative.dev/max-scale': '20' };
  return make('serving.knative.dev/v1', 'Service')(
    `${area}-${index}`,
    {
      spec: {
        template: {
          metadata: { annotations },
          spec: { containerConcurrency: 50, timeoutSeconds: 30, containers: [container] },
        },
      },
    },
    namespace,
  );
}

/** One per public host, from the ingress gateway to the service's own name inside the mesh. */
function virtualService({ area, namespace, index }: Place): KubernetesObject {
  const name = `${area}-${index}`;
  const authority = `${name}.${namespace}.svc.cluster.local`;
  const destination = { host: 'knative-local-gateway.istio-system.svc.cluster.local', port: { number: 80 } };
  return make('networking.istio.io/v1', 'VirtualService')(
    name,
    {
      spec: {
        hosts: [`${name}.shop.example`],
        gateways: [PUBLIC_GATEWAY],
        http: [{ name: 'all', rewrite: { authority }, route: [{ destination, weight: 100 }] }],
      },
    },
    namespace,
  );
}
