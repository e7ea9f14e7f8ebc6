import { z } from 'zod';
import { kubernetesSchema } from './kubernetes.ts';

/** Letters, digits, dot, dash, underscore: names appear in workflow ids, map files, file names and config keys. */
export const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'a name of lower-case letters, digits, dots, dashes or underscores, at most 63 characters',
  );

export const secretReference = z
  .string()
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/,
    'a reference, env:NAME or file:PATH; never the secret itself',
  )
  .describe('Where the secret is found when it is used: env:NAME or file:PATH.');

const port = z.int().min(1).max(65535);
export const url = z
  .url({ protocol: /^https?$/, error: 'an http or https URL' })
  .refine(
    (text) => !/^https?:\/\/[^/?#]*@/.test(text),
    'a URL without user or password (they belong in a secret)',
  )
  .describe('http or https URL');
const milliseconds = z.int().min(1).max(86_400_000);
const account = z.strictObject({ user: z.string().min(1), password: secretReference });

const site = z.strictObject({
  description: z.string().optional(),
});

const databaseNode = z.strictObject({
  site: name.describe('Site the server stands in.'),
  host: z.string().min(1),
  port,
  neverPromote: z
    .boolean()
    .default(false)
    .describe('A replica that must not become primary (backup, reporting).'),
});

export const databaseCluster = z.strictObject({
  engine: z.enum(['mysql', 'mariadb']),
  homeSite: name
    .optional()
    .describe('Site in which the primary usually stands; site-failback brings it back there.'),
  durability: z
    .enum(['semisync', 'async'])
    .describe(
      'What an acknowledged write means: semisync = received by `ackers` replicas before the client hears of it.',
    ),
  ackers: z.int().min(1).max(8).default(1).describe('Replicas that must acknowledge (semi-sync).'),
  nodes: z
    .record(name, databaseNode)
    .refine(
      (nodes) => Object.keys(nodes).length >= 2,
      'at least two nodes: there is nothing to promote otherwise',
    ),
  admin: account.describe('Account of the orchestrator; grants: docs/databases.md. Never used for data.'),
  replication: account,
  journalSchema: name.default('siteshift').describe('Replicated schema that holds the promotion journal.'),
  clearSessions: z
    .enum(['kill', 'offline'])
    .default('kill')
    .describe('How client sessions are ended after the freeze (offline: MySQL offline_mode).'),
  freezeTimeoutMs: milliseconds
    .default(5_000)
    .describe('How long the freeze may wait behind a running write before it gives up.'),
  catchUpTimeoutMs: milliseconds
    .default(60_000)
    .describe('How long standbys may need to apply what they received.'),
  maxLagTransactions: z
    .int()
    .min(0)
    .default(10_000)
    .describe('Graceful promotion refuses a candidate that is further behind before the freeze.'),
});

const nacosCenter = z.strictObject({
  kind: z.literal('nacos'),
  site: name,
  url: url.describe('Server with context path, e.g. http://nacos.example:8848/nacos'),
  grpcPort: port.optional().describe('Default: HTTP port + 1000.'),
  namespace: z.string().default('public'),
  auth: account.optional(),
});
const etcdCenter = z.strictObject({
  kind: z.literal('etcd'),
  site: name,
  endpoints: z.array(url).min(1),
  prefix: z
    .string()
    .default('/siteshift/')
    .describe('Prefix under which siteshift keeps consumers and acknowledgements.'),
  auth: account.optional(),
});
export const configCenter = z.discriminatedUnion('kind', [nacosCenter, etcdCenter]);

const publication = z.strictObject({
  center: name,
  key: z.string().min(1).max(256).describe('Nacos: dataId. etcd: full key.'),
  group: z.string().min(1).max(128).default('DEFAULT_GROUP').describe('Nacos group; unused on etcd.'),
});

export const datasource = z.strictObject({
  database: name.describe('Database cluster it points to.'),
  schema: z.string().min(1).max(64),
  user: z.string().min(1),
  password: secretReference.describe('Resolved by the consumers, not by siteshift.'),
  publishTo: z.array(publication).min(1),
  canary: z
    .int()
    .min(0)
    .max(100)
    .default(1)
    .describe('Consumers that take a new document first; 0 = everyone at once, as in forced style.'),
  // Longer than the registries keep a consumer that has died (etcd 10 s, Nacos up to 15 s): it is not waited for then.
  ackTimeoutMs: milliseconds
    .default(20_000)
    .describe('How long all live consumers may need to acknowledge; forced, 10 s at most.'),
});

export const collector = z.strictObject({
  site: name,
  url: url.describe('The collector that consumers report to and that hands a document to stragglers.'),
  token: secretReference.optional(),
});

export const gateway = z.strictObject({
  site: name,
  agent: url.describe('The agent beside the proxy.'),
  endpoint: url.describe('Where users reach the proxy; verifyEndpoint goes through it.'),
});

const bucketRanges = z
  .string()
  .regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, 'bucket numbers and ranges, e.g. "0-49" or "0-9,20,30-39"')
  .describe('Home buckets of the unit.');

const unit = z.strictObject({
  site: name,
  buckets: bucketRanges,
  takenOverBy: name.optional().describe('Unit that serves these buckets when this one is lost.'),
});

export const probe = z
  .strictObject({
    path: z.string().startsWith('/', 'a path that starts with "/"').default('/'),
    method: z.enum(['GET', 'POST', 'PUT']).default('GET'),
    body: z.string().max(65_536).optional(),
    expectStatus: z.int().min(100).max(599).default(200),
  })
  .describe(
    "A request that proves that a unit serves a user; verifyEndpoint's default. A write proves more.",
  );

export const routing = z.strictObject({
  buckets: z.int().min(1).max(10_000).default(100),
  header: z
    .string()
    .min(1)
    .default('x-user-id')
    .describe('Request header with the user id; its CRC-32 modulo `buckets` is the bucket.'),
  leaseMs: z
    .int()
    .min(500)
    .max(60_000)
    .default(2_000)
    .describe('A gateway that is cut off refuses writes after this long.'),
  probe: probe.optional(),
  units: z.record(name, unit),
});

export const tls = z.strictObject({
  ca: secretReference,
  cert: secretReference,
  key: secretReference,
  serverName: z.string().optional(),
});

const policy = z.strictObject({
  approval: z
    .enum(['always', 'forced', 'never'])
    .default('forced')
    .describe('Which real runs wait for a person: all, those that start forced, none.'),
  approvers: z
    .array(z.string().min(1))
    .default([])
    .describe('Who may approve; empty = anybody but the requester.'),
  approvalTimeoutMs: milliseconds
    .default(3_600_000)
    .describe('An approval that nobody gave is a refusal after this long.'),
  acceptableLossTransactions: z
    .int()
    .min(0)
    .default(0)
    .describe('Forced promotion stops for a person when the stated loss may be larger.'),
});

/** siteshift.yaml */
export const inventorySchema = z
  .strictObject({
    version: z.literal(1),
    domain: name.describe('The failover domain: one epoch, one lock (workflow id failover/<domain>).'),
    sites: z.record(name, site).refine((sites) => Object.keys(sites).length >= 2, 'at least two sites'),
    databases: z.record(name, databaseCluster).default({}),
    configCenters: z.record(name, configCenter).default({}),
    datasources: z.record(name, datasource).default({}),
    collectors: z.record(name, collector).default({}),
    gateways: z.record(name, gateway).default({}),
    gatewayTls: tls.optional().describe('Client certificate for the gateway agents (mTLS).'),
    routing: routing.optional(),
    hooks: z
      .record(
        name,
        z.strictObject({ url, token: secretReference.optional(), timeoutMs: milliseconds.default(60_000) }),
      )
      .default({})
      .describe('Your own steps: HTTP endpoints for callHook; docs/hooks.md.'),
    kubernetes: kubernetesSchema
      .optional()
      .describe('Clusters, backups and manifest stores of the sites; docs/kubernetes.md.'),
    policy: policy.prefault({}),
  })
  .meta({
    title: 'siteshift inventory',
    description: 'Sites, databases, config centers, gateways and units. Secrets only by reference.',
  });

export type Inventory = z.infer<typeof inventorySchema>;
export type DatabaseCluster = z.infer<typeof databaseCluster>;
export type ConfigCenter = z.infer<typeof configCenter>;
export type NacosCenter = z.infer<typeof nacosCenter>;
export type EtcdCenter = z.infer<typeof etcdCenter>;
export type Datasource = z.infer<typeof datasource>;
export type Collector = z.infer<typeof collector>;
export type Gateway = z.infer<typeof gateway>;
export type Routing = z.infer<typeof routing>;
export type Probe = z.infer<typeof probe>;
export type Tls = z.infer<typeof tls>;
export type Policy = z.infer<typeof policy>;

/** For an inventory without gateways: nothing to route. */
export const emptyRouting: Routing = routing.parse({ units: {} });
