import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Certificates } from './certificates.ts';

/** Writes a kubeconfig with everything inside, as clouds hand them out. It holds a key: readable by us only. */
export function writeKubeconfig(options: {
  readonly file: string;
  readonly cluster: string;
  readonly server: string;
  readonly user: string;
  readonly certificates: Certificates;
}): string {
  const { file, cluster, server, user, certificates } = options;
  const base64 = (name: string) => Buffer.from(certificates.read(name)).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64('ca.crt') } }],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(`${user}.crt`),
          'client-key-data': base64(`${user}.key`),
        },
      },
    ],
    contexts: [{ name: cluster, context: { cluster, user } }],
    'current-context': cluster,
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return file;
}
