import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { Say } from '../engines/cache.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import { applyAll } from './apply-all.ts';
import { makeCertificates, type Certificates } from './certificates.ts';
import type { Cluster } from './cluster.ts';
import { flags } from './control-plane.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { builderFor } from './object-builder.ts';

/** Names of the webhook configurations, a mutating and a validating one of the same name. */
export const WEBHOOK_CONFIGURATION = 'webhook.serving.knative.dev';

/**
 * Puts Knative's webhooks in front of the Knative Services of a cluster, answered by a process of that site, with
 * failure policy Fail as Knative has it. Restored on the other cluster they reject every Knative Service as soon as
 * this site is gone: that is the trap to be shown.
 */
export async function guardServices(
  cluster: Cluster,
  options: {
    readonly folder: string;
    readonly supervisor: Supervisor;
    readonly ports: PortBlock;
    readonly say: Say;
  },
): Promise<Supervised> {
  const { say } = options;
  const port = await options.ports.next();
  const name = `${cluster.name}-webhook`;
  const folder = join(options.folder, name);
  const certificates = await makeCertificates({ folder, cluster: name, identities: [], say });
  const url = `https://127.0.0.1:${port}`;
  const files = { cert: certificates.file('server.crt'), key: certificates.file('server.key') };
  const webhook = await options.supervisor.start({
    name,
    command: process.execPath,
    args: [join(import.meta.dirname, 'admission-webhook.ts'), ...flags({ ...files, port })],
    ports: { https: port },
    ready: () => checkWebhook(url, certificates),
  });
  await applyAll(cluster.api, configurations(url, certificates), 'platform');
  return webhook;
}

function configurations(url: string, certificates: Certificates): KubernetesObject[] {
  const caBundle = Buffer.from(certificates.read('ca.crt')).toString('base64');
  const webhooks = [
    {
      name: WEBHOOK_CONFIGURATION,
      clientConfig: { url, caBundle },
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: 10,
      rules: [
        {
          apiGroups: ['serving.knative.dev'],
          apiVersions: ['*'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['services'],
        },
      ],
    },
  ];
  return ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map((kind) =>
    builderFor('platform')('admissionregistration.k8s.io/v1', kind)(WEBHOOK_CONFIGURATION, { webhooks }),
  );
}

function checkWebhook(url: string, certificates: Certificates): Promise<void> {
  const agent = new Agent({ ca: certificates.read('ca.crt') });
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, signal: AbortSignal.timeout(3_000) }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url}: expected status 200, seen ${response.statusCode}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}
