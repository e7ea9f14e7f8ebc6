import type { Identity } from './certificates.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

/** Who speaks to a cluster. Only the lab itself is in system:masters, which passes every limit of the server. */
export const IDENTITIES: readonly Identity[] = [
  { name: 'admin', subject: '/O=system:masters/CN=lab-admin' },
  { name: 'controller-manager', subject: '/CN=system:kube-controller-manager' },
  { name: 'scheduler', subject: '/CN=system:kube-scheduler' },
  { name: 'kwok', subject: '/CN=kwok' },
  { name: 'node-pools', subject: '/CN=node-pools' },
  { name: 'velero', subject: '/CN=velero' },
  { name: 'orchestrator', subject: '/CN=siteshift' },
];

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch', 'delete'];

const words = (text: string) => text.split(' ');
const CORE_KINDS = words(
  'namespaces configmaps secrets services serviceaccounts resourcequotas limitranges persistentvolumeclaims',
);
const BUILT_IN_GROUPS = [
  ...words('apps batch autoscaling policy networking.k8s.io scheduling.k8s.io'),
  ...words('storage.k8s.io apiextensions.k8s.io admissionregistration.k8s.io'),
];
const SERVICE_GROUPS = words('serving.knative.dev networking.istio.io security.istio.io telemetry.istio.io');

/** What the orchestrator may do: read everything, write what runbooks write, and no roles, so that it cannot grow. */
const ORCHESTRATOR_RULES = [
  { apiGroups: ['*'], resources: ['*'], verbs: READ },
  { nonResourceURLs: ['/readyz', '/livez', '/version', '/openapi/*'], verbs: ['get'] },
  {
    apiGroups: [''],
    resources: CORE_KINDS,
    verbs: WRITE,
  },
  {
    apiGroups: [...BUILT_IN_GROUPS, ...SERVICE_GROUPS],
    resources: ['*'],
    verbs: WRITE,
  },
  {
    apiGroups: ['velero.io'],
    resources: ['backups', 'restores', 'downloadrequests', 'schedules'],
    verbs: WRITE,
  },
  { apiGroups: ['lab.siteshift.test'], resources: ['nodepools/scale'], verbs: ['update', 'patch'] },
];

const NODE_POOL_RULES = [
  { apiGroups: [''], resources: ['nodes'], verbs: [...READ, ...WRITE] },
  { apiGroups: ['lab.siteshift.test'], resources: ['nodepools'], verbs: READ },
  { apiGroups: ['lab.siteshift.test'], resources: ['nodepools/status'], verbs: ['update', 'patch'] },
];

/** Roles and bindings of the identities that have none from the start. */
export function accessObjects(): readonly KubernetesObject[] {
  return [
    clusterRole('siteshift-orchestrator', ORCHESTRATOR_RULES),
    binding('siteshift-orchestrator', 'siteshift-orchestrator', 'siteshift'),
    clusterRole('lab-node-pools', NODE_POOL_RULES),
    binding('lab-node-pools', 'lab-node-pools', 'node-pools'),
    binding('lab-velero', 'cluster-admin', 'velero'),
    binding('lab-kwok', 'cluster-admin', 'kwok'),
  ];
}

/** The lab's own objects stay out of backups: each cluster has its own. */
const metadata = (name: string) => ({ name, labels: { 'velero.io/exclude-from-backup': 'true' } });

function clusterRole(name: string, rules: readonly unknown[]): KubernetesObject {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: metadata(name), rules };
}

function binding(name: string, role: string, user: string): KubernetesObject {
  const group = 'rbac.authorization.k8s.io';
  return {
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name),
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: group, kind: 'User', name: user }],
  };
}
