import { z } from 'zod';
import { stages } from '../kubernetes/stages.ts';

const name = z.string().min(1).max(63);
const site = name.describe('Site whose Kubernetes clusters are meant.');
const location = name
  .optional()
  .describe(
    'Backup location; may be left out where there is only one, or only one whose `from` is a cluster that is left.',
  );
const milliseconds = z.int().min(1).max(86_400_000);

const canary = z
  .strictObject({
    service: name.describe(
      "Knative Service in the namespace of the host's own, to which a part of the requests goes.",
    ),
    percent: z.int().min(0).max(100).optional().describe('Of 100 requests.'),
    header: z
      .strictObject({
        name: z.string().regex(/^[A-Za-z0-9-]+$/, 'a header name: letters, digits and dashes'),
        value: z.string().min(1),
      })
      .optional()
      .describe('Requests that carry exactly this.'),
  })
  .refine(
    ({ percent, header }) => (percent === undefined) !== (header === undefined),
    'exactly one of `percent` and `header`: which requests go to the canary',
  );

/** The `with` of the Kubernetes step kinds as people write it in a runbook. */
export const kubernetesStepWith = {
  scaleOutNodes: z.strictObject({
    to: site,
    store: name
      .optional()
      .describe(
        'Manifest store whose manifests the nodes must hold; may be left out where there is only one.',
      ),
  }),
  restoreBackup: z.strictObject({
    to: site,
    from: site.describe('Site whose clusters wrote the backup; one of other clusters is refused.').optional(),
    location,
    direct: z
      .boolean()
      .default(true)
      .describe(
        'Plain objects are applied from the backup by siteshift itself, in parallel; Velero restores the rest.',
      ),
    existing: z
      .enum(['keep', 'update'])
      .default('keep')
      .describe(
        'What is there and differs from the backup: kept and named, or updated by siteshift itself where it may.',
      ),
    timeoutMs: milliseconds.default(1_800_000),
    stuckMs: milliseconds.default(300_000).describe('A restore without progress for this long is given up.'),
    attempts: z.int().min(1).max(10).default(5),
  }),
  applyManifests: z.strictObject({
    to: site,
    store: name.optional().describe('Manifest store; may be left out where there is only one.'),
    services: z.array(z.string().min(1)).default([]).describe('namespace/service with `*`; empty = all.'),
    readyTimeoutMs: milliseconds.default(600_000).describe('How long a stage may take to become ready.'),
    onConflict: z.enum(['report', 'takeOver']).default('report'),
    without: z.array(z.enum(stages)).default([]).describe('Stages to leave out, e.g. routes in a drill.'),
  }),
  shiftMesh: z.strictObject({
    to: site,
    hosts: z.array(z.string().min(1)).default([]).describe('Public hosts; empty = all of the inventory.'),
    canary: canary.optional().describe('Only with one host; without it, all requests go to its service.'),
  }),
  captureManifests: z.strictObject({ at: site, store: name.optional() }),
  prepareStandby: z.strictObject({
    to: site,
    location,
  }),
  rehearseKubernetes: z.strictObject({
    from: site,
    to: site,
    location,
    store: name.optional().describe('Manifest store; may be left out where there is only one.'),
    onConflict: z
      .enum(['report', 'takeOver'])
      .default('report')
      .describe(
        'As the `applyManifests` that is rehearsed has it: whether fields of other managers stop it.',
      ),
  }),
} as const;

export type KubernetesStepKind = keyof typeof kubernetesStepWith;
export type KubernetesStepWith<Kind extends KubernetesStepKind> = z.infer<(typeof kubernetesStepWith)[Kind]>;
