import type { KubernetesObject } from './kubernetes-object.ts';
import { builderFor, numbered } from './object-builder.ts';

const make = builderFor('platform');
const RBAC = 'rbac.authorization.k8s.io';

/** What the platform team puts into each namespace of services: limits, accounts, roles, secrets and mesh policy. */
export function namespaceObjects(namespace: string): KubernetesObject[] {
  return [
    ...limits(namespace),
    ...['default-runner', 'deployer'].map((name) => make('v1', 'ServiceAccount')(name, {}, namespace)),
    ...['viewer', 'editor', 'operator'].flatMap((role) => roleAndBinding(role, namespace)),
    ...numbered(4).map((index) =>
      make('v1', 'ConfigMap')(`shared-${index}`, { data: { region: 'global', index } }, namespace),
    ),
    ...['registry', 'database', 'payment'].map((name) =>
      make('v1', 'Secret')(
        `${name}-credentials`,
        { stringData: { user: name, password: 'lab-only' } },
        namespace,
      ),
    ),
    ...mesh(namespace),
  ];
}

function limits(namespace: string): KubernetesObject[] {
  const hard = { pods: '2000', 'requests.cpu': '2000', 'requests.memory': '4000Gi' };
  const usual = { defaultRequest: { cpu: '100m', memory: '128Mi' }, type: 'Container' };
  const toAll = { podSelector: {} };
  return [
    make('v1', 'ResourceQuota')('namespace', { spec: { hard } }, namespace),
    make('v1', 'LimitRange')('containers', { spec: { limits: [usual] } }, namespace),
    make('networking.k8s.io/v1', 'NetworkPolicy')(
      'deny-ingress',
      { spec: { ...toAll, policyTypes: ['Ingress'] } },
      namespace,
    ),
    make('networking.k8s.io/v1', 'NetworkPolicy')(
      'allow-mesh',
      {
        spec: {
          ...toAll,
          policyTypes: ['Ingress'],
          ingress: [
            {
              from: [
                { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'istio-system' } } },
              ],
            },
          ],
        },
      },
      namespace,
    ),
  ];
}

function roleAndBinding(name: string, namespace: string): KubernetesObject[] {
  const rules = [
    { apiGroups: ['', 'apps'], resources: ['pods', 'deployments'], verbs: ['get', 'list', 'watch'] },
  ];
  return [
    make(`${RBAC}/v1`, 'Role')(name, { rules }, namespace),
    make(`${RBAC}/v1`, 'RoleBinding')(
      name,
      {
        roleRef: { apiGroup: RBAC, kind: 'Role', name },
        subjects: [{ apiGroup: RBAC, kind: 'Group', name: `${namespace}-${name}s` }],
      },
      namespace,
    ),
  ];
}

function mesh(namespace: string): KubernetesObject[] {
  const networking = (kind: string) => make('networking.istio.io/v1', kind);
  const security = (kind: string) => make('security.istio.io/v1', kind);
  const principals = ['cluster.local/ns/istio-system/sa/istio-ingressgateway'];
  return [
    security('PeerAuthentication')('default', { spec: { mtls: { mode: 'STRICT' } } }, namespace),
    security('AuthorizationPolicy')('deny-all', { spec: {} }, namespace),
    security('AuthorizationPolicy')(
      'allow-gateway',
      { spec: { action: 'ALLOW', rules: [{ from: [{ source: { principals } }] }] } },
      namespace,
    ),
    networking('Sidecar')('default', { spec: { egress: [{ hosts: ['./*', 'istio-system/*'] }] } }, namespace),
    ...['payment', 'mail'].map((name) =>
      networking('ServiceEntry')(
        name,
        {
          spec: {
            hosts: [`${name}.partner.example`],
            location: 'MESH_EXTERNAL',
            resolution: 'DNS',
            ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
          },
        },
        namespace,
      ),
    ),
    ...['payment', 'mail'].map((name) =>
      networking('DestinationRule')(
        name,
        { spec: { host: `${name}.partner.example`, trafficPolicy: { tls: { mode: 'SIMPLE' } } } },
        namespace,
      ),
    ),
  ];
}
