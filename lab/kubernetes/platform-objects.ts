import type { KubernetesObject } from './kubernetes-object.ts';
import { builderFor, deploymentBody, numbered } from './object-builder.ts';
import { namespaceObjects } from './platform-namespace.ts';

const make = builderFor('platform');
const namespace = make('v1', 'Namespace');
const configMap = make('v1', 'ConfigMap');
const secret = make('v1', 'Secret');
const serviceAccount = make('v1', 'ServiceAccount');
const service = make('v1', 'Service');
const deployment = make('apps/v1', 'Deployment');
const clusterRole = make('rbac.authorization.k8s.io/v1', 'ClusterRole');
const clusterRoleBinding = make('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding');

const TENANT_GROUP = 'platform.example';
const PLATFORM_KINDS = ['Tenant', 'Domain', 'Pipeline', 'Dashboard', 'AlertRule', 'CostCenter'] as const;
const KNATIVE_PARTS = [
  'controller',
  'webhook',
  'autoscaler',
  'activator',
  'net-istio-controller',
  'net-istio-webhook',
];
const KNATIVE_CONFIGS =
  'autoscaler defaults deployment domain features gc istio leader-election logging network observability tracing';

/** What a platform team installs before any service: in this order nothing refers to what comes later. */
export interface PlatformObjects {
  /** Kinds of the platform's own. The standby lacks them until somebody installs them. */
  readonly definitions: readonly KubernetesObject[];
  readonly namespaces: readonly KubernetesObject[];
  readonly rest: readonly KubernetesObject[];
}

/** At least 300 objects, the same ones each time. `serviceNamespaces`: where the services will live. */
export function platformObjects(serviceNamespaces: readonly string[]): PlatformObjects {
  const system = ['knative-serving', 'istio-system', 'monitoring', 'delivery'];
  return {
    definitions: PLATFORM_KINDS.map(definition),
    namespaces: [...system, ...serviceNamespaces].map((name) => namespace(name, {})),
    rest: [
      ...clusterWide(),
      ...knative(),
      ...istio(),
      ...monitoring(),
      ...PLATFORM_KINDS.flatMap((kind) => numbered(4).map((index) => instance(kind, index))),
      ...serviceNamespaces.flatMap(namespaceObjects),
    ],
  };
}

function definition(kind: (typeof PLATFORM_KINDS)[number]): KubernetesObject {
  const [singular, plural] = [kind.toLowerCase(), `${kind.toLowerCase()}s`];
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return make('apiextensions.k8s.io/v1', 'CustomResourceDefinition')(`${plural}.${TENANT_GROUP}`, {
    spec: {
      group: TENANT_GROUP,
      scope: 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
}

const instance = (kind: string, index: string) =>
  make(`${TENANT_GROUP}/v1`, kind)(`${kind.toLowerCase()}-${index}`, {
    spec: { owner: `team-${index}`, tier: 'gold', contacts: [`oncall-${index}@platform.example`] },
  });

function clusterWide(): KubernetesObject[] {
  const rules = [
    { apiGroups: ['serving.knative.dev'], resources: ['services'], verbs: ['get', 'list', 'watch'] },
  ];
  const roles = numbered(8).flatMap((index) => {
    const [name, group] = [`team-${index}-reader`, 'rbac.authorization.k8s.io'];
    return [
      clusterRole(name, { rules }),
      clusterRoleBinding(name, {
        roleRef: { apiGroup: group, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: group, kind: 'Group', name: `team-${index}` }],
      }),
    ];
  });
  const priorities = ['critical', 'normal', 'batch'].map((name, index) =>
    make('scheduling.k8s.io/v1', 'PriorityClass')(`shop-${name}`, { value: 100_000 - index * 10_000 }),
  );
  const storage = ['fast', 'standard'].map((name) =>
    make('storage.k8s.io/v1', 'StorageClass')(name, {
      provisioner: 'disk.csi.example',
      reclaimPolicy: 'Delete',
    }),
  );
  const ingress = make('networking.k8s.io/v1', 'IngressClass')('istio', {
    spec: { controller: 'istio.io/ingress' },
  });
  return [...priorities, ...storage, ingress, ...roles];
}

/** The parts of a system namespace: each a Deployment with its Service and account. */
function parts(options: {
  readonly into: string;
  readonly names: readonly string[];
  readonly image: string;
}) {
  const { into, names, image } = options;
  return names.flatMap((name) => [
    serviceAccount(name, {}, into),
    service(name, { spec: { selector: { 'app.kubernetes.io/name': name }, ports: [{ port: 443 }] } }, into),
    deployment(
      name,
      deploymentBody({ name, image: `${image}/${name}:1.23.0`, replicas: 1, cpu: '100m', memory: '128Mi' }),
      into,
    ),
  ]);
}

function knative(): KubernetesObject[] {
  const into = 'knative-serving';
  return [
    ...KNATIVE_CONFIGS.split(' ').map((name) =>
      configMap(`config-${name}`, { data: { _example: `# ${name}`, version: '1.23.0' } }, into),
    ),
    ...['webhook-certs', 'net-istio-webhook-certs', 'routing-serving-certs'].map((name) =>
      secret(name, { stringData: { 'tls.crt': 'lab', 'tls.key': 'lab' } }, into),
    ),
    ...parts({ into, names: KNATIVE_PARTS, image: 'registry.example/knative' }),
  ];
}

function istio(): KubernetesObject[] {
  const into = 'istio-system';
  const names = ['istiod', 'istio-ingressgateway', 'knative-local-gateway'];
  const strict = { spec: { mtls: { mode: 'STRICT' } } };
  return [
    ...['istio', 'istio-sidecar-injector', 'istio-ca-root'].map((name) =>
      configMap(name, { data: { mesh: 'accessLogFile: /dev/stdout\n' } }, into),
    ),
    secret('istio-ca', { stringData: { 'ca.crt': 'lab', 'ca.key': 'lab' } }, into),
    ...parts({ into, names, image: 'registry.example/istio' }),
    gateway('knative-ingress-gateway', 'istio-ingressgateway', 80),
    gateway('knative-local-gateway', 'knative-local-gateway', 8081),
    make('security.istio.io/v1', 'PeerAuthentication')('default', strict, into),
    make('telemetry.istio.io/v1', 'Telemetry')(
      'default',
      { spec: { accessLogging: [{ disabled: false }] } },
      into,
    ),
  ];
}

/** Named as Knative names them. */
function gateway(name: string, istio: string, number: number): KubernetesObject {
  const servers = [{ port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
  const body = { spec: { selector: { istio }, servers } };
  return make('networking.istio.io/v1', 'Gateway')(name, body, 'knative-serving');
}

function monitoring(): KubernetesObject[] {
  const into = 'monitoring';
  return [
    ...numbered(12).map((index) =>
      configMap(`dashboard-${index}`, { data: { 'dashboard.json': '{}' } }, into),
    ),
    ...parts({
      into,
      names: ['prometheus', 'alertmanager', 'grafana'],
      image: 'registry.example/monitoring',
    }),
    // Headless: its members find each other by name, and an address would take the names away.
    service('alertmanager-peers', { spec: { clusterIP: 'None', ports: [{ port: 9094 }] } }, into),
  ];
}
