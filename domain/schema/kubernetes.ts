import { z } from 'zod';
import { parseSelector } from '../kubernetes/label-selector.ts';

// The `kubernetes` section of siteshift.yaml. It defines its own words instead of importing inventory.ts, which
// imports this file.
const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'a name of lower-case letters, digits, dots, dashes or underscores, at most 63 characters',
  );
const label = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a Kubernetes name: lower-case letters, digits and dashes');
const secretReference = z
  .string()
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/,
    'a reference, env:NAME or file:PATH; never the secret itself',
  )
  .describe('Where the secret is found when it is used: env:NAME or file:PATH.');
const url = z.url({ protocol: /^https?$/, error: 'an http or https URL' });
const milliseconds = z.int().min(1).max(86_400_000);
const prefix = z
  .string()
  .regex(/^([A-Za-z0-9._-]+\/)*$/, 'empty, or path parts that each end with "/"')
  .default('');

const nodePool = z
  .strictObject({
    resource: z
      .strictObject({
        apiVersion: z.string().min(2).describe('e.g. cluster.x-k8s.io/v1beta1'),
        kind: z.string().min(1).describe('A kind with a scale subresource, e.g. MachineDeployment.'),
        namespace: label,
        name: z.string().min(1).max(253),
      })
      .optional()
      .describe('Object whose scale subresource sets the number of nodes.'),
    hook: name.optional().describe('Entry under `hooks` that sets the number of nodes instead (clouds).'),
    nodes: z.int().min(1).max(5_000).describe('Nodes that the site needs when it carries the load.'),
    selector: z
      .string()
      .min(1)
      .describe('Label selector of the nodes of this pool, e.g. pool=general; counts ready nodes.'),
    quorum: z
      .number()
      .gt(0)
      .max(1)
      .default(0.9)
      .describe('Part of the nodes that is enough once the deadline has passed.'),
    deadlineMs: milliseconds.default(600_000).describe('How long all of the nodes are waited for.'),
    maxNodes: z
      .int()
      .min(1)
      .optional()
      .describe('Quota of the pool, when the pool object does not say it itself.'),
    resources: z
      .strictObject({
        cpu: z.string().optional(),
        memory: z.string().optional(),
        pods: z.string().optional(),
      })
      .default({})
      .describe('What one node offers; compared with what the manifests ask for.'),
  })
  .refine(
    ({ resource, hook }) => (resource === undefined) !== (hook === undefined),
    'exactly one of `resource` and `hook`: who sets the number of nodes',
  );

const velero = z.strictObject({
  namespace: label.default('velero'),
  storageLocation: label.default('default').describe('BackupStorageLocation of this cluster.'),
});

const cluster = z.strictObject({
  site: name,
  kubeconfig: secretReference.describe(
    'Kubeconfig with embedded certificates or an exec plugin; grants: docs/kubernetes.md.',
  ),
  context: z.string().min(1).optional().describe("Default: the kubeconfig's current context."),
  inFlight: z
    .int()
    .min(1)
    .max(128)
    .default(32)
    .describe('Requests at once, over one shared pool of connections.'),
  velero: velero.prefault({}),
  nodePools: z.record(name, nodePool).default({}),
});

const s3 = {
  endpoint: url.describe('Path-style S3 endpoint.'),
  region: z.string().min(1).default('us-east-1'),
  bucket: z.string().min(3).max(63),
  prefix,
  accessKey: secretReference,
  secretKey: secretReference,
  sessionToken: secretReference.optional(),
};

const backupLocation = z.strictObject({
  ...s3,
  schedule: label.describe('Velero Schedule whose backups are restored.'),
  from: name
    .describe(
      'Kubernetes cluster that the backups are of, in a bucket that only it writes to; a failback then needs a location of its own.',
    )
    .optional(),
  maximumAgeMs: z
    .int()
    .min(60_000)
    .default(90_000_000)
    .describe('Age of the newest Completed backup, from its start, that is still good; default 25 hours.'),
  minimumItems: z.int().min(0).default(1).describe('A backup with fewer items is not a good one.'),
  includedNamespaces: z
    .array(z.string().min(1))
    .default([])
    .describe('Namespaces that a good backup must hold; empty = no requirement.'),
});

const freshness = {
  maximumAgeMs: z
    .int()
    .min(60_000)
    .default(3_600_000)
    .describe('Age of the newest capture that a rehearsal still accepts; default one hour.'),
};
const manifestStore = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('s3'), ...s3, ...freshness }),
  z.strictObject({ kind: z.literal('folder'), path: z.string().min(1), ...freshness }),
]);

const capturedKind = z.strictObject({ apiVersion: z.string().min(2), kind: z.string().min(1) });

/** What service teams own, as a rule. Everything else is the platform's and travels in the backup. */
const usualKinds = [
  { apiVersion: 'serving.knative.dev/v1', kind: 'Service' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' },
  { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule' },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
];

const services = z.strictObject({
  namespaces: z.array(z.string().min(1)).min(1).describe('Namespaces of services, `*` as a wildcard.'),
  selector: z
    .string()
    .refine((text) => parseSelector(text) !== undefined, 'a label selector, e.g. tier=service,team in (a,b)')
    .default('')
    .describe('Label selector of what belongs to services; empty: every object of the kinds.'),
  kinds: z.array(capturedKind).min(1).default(usualKinds),
  serviceLabel: z
    .string()
    .min(1)
    .default('app.kubernetes.io/instance')
    .describe(
      'Label that names the service an object belongs to; without it, the object is its own service.',
    ),
});

const meshHost = z.strictObject({
  namespace: label,
  service: label.describe('Knative Service that answers for the host.'),
  gateways: z.array(z.string().min(1)).min(1).describe('Istio gateways, namespace/name.'),
  localGateway: z
    .string()
    .min(1)
    .default('knative-local-gateway.istio-system.svc.cluster.local')
    .describe("Host of the mesh's cluster-local gateway; it routes by authority."),
});

/** The optional top-level section `kubernetes`. */
export const kubernetesSchema = z.strictObject({
  clusters: z.record(name, cluster).default({}),
  backupLocations: z.record(name, backupLocation).default({}),
  manifestStores: z.record(name, manifestStore).default({}),
  services: services.optional().describe('What captureManifests records.'),
  meshHosts: z.record(z.string().min(1).max(253), meshHost).default({}),
});

export type KubernetesInventory = z.infer<typeof kubernetesSchema>;
export type KubernetesCluster = z.infer<typeof cluster>;
export type NodePool = z.infer<typeof nodePool>;
export type BackupLocation = z.infer<typeof backupLocation>;
export type ManifestStoreSettings = z.infer<typeof manifestStore>;
export type S3Settings = Pick<BackupLocation, keyof typeof s3>;
export type CapturedServices = z.infer<typeof services>;
export type MeshHost = z.infer<typeof meshHost>;
