import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Say } from '../engines/cache.ts';
import { findOrInstall, type DebianProgram } from '../engines/debian.ts';
import { runCommand } from '../engines/run-command.ts';

/** 3.0 or newer. */
export const opensslPrograms: DebianProgram = {
  program: ['openssl'],
  variable: 'SITESHIFT_OPENSSL',
  packages: ['openssl'],
};

/** Who speaks to a cluster: the certificate's CN is the user, its O the group. */
export interface Identity {
  readonly name: string;
  readonly subject: string;
}

export interface Certificates {
  readonly folder: string;
  file(name: string): string;
  read(name: string): string;
}

/**
 * A certificate authority of its own for one cluster, with a server certificate for 127.0.0.1, a key pair for the
 * tokens of ServiceAccounts (`sa.key`, `sa.pub`) and a client certificate per identity. Files readable by us only.
 */
export async function makeCertificates(options: {
  readonly folder: string;
  readonly cluster: string;
  readonly identities: readonly Identity[];
  readonly say: Say;
}): Promise<Certificates> {
  const { folder, cluster, say } = options;
  const openssl = await findOrInstall({ ...opensslPrograms, say });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'openssl.cnf'), OPENSSL_CONFIG);
  writeKey(folder, 'sa');
  await issue(openssl, { folder, name: 'ca', subject: `/CN=${cluster}-ca`, section: 'authority' });
  const server = issue(openssl, {
    folder,
    name: 'server',
    subject: '/CN=kube-apiserver',
    section: 'server',
    by: 'ca',
  });
  const clients = options.identities.map(({ name, subject }) =>
    issue(openssl, { folder, name, subject, section: 'client', by: 'ca' }),
  );
  await Promise.all([server, ...clients]);
  const file = (name: string) => join(folder, name);
  return { folder, file, read: (name) => readFileSync(file(name), 'utf8') };
}

interface Request {
  readonly folder: string;
  readonly name: string;
  readonly subject: string;
  readonly section: 'authority' | 'server' | 'client';
  /** Name of the issuing certificate; without it self-signed. */
  readonly by?: string;
}

async function issue(openssl: string, { folder, name, subject, section, by }: Request): Promise<void> {
  writeKey(folder, name);
  const wanted = ['-key', `${name}.key`, '-subj', subject, '-days', '365', '-out', `${name}.crt`];
  const form = ['-config', 'openssl.cnf', '-extensions', section];
  const signer = by === undefined ? [] : ['-CA', `${by}.crt`, '-CAkey', `${by}.key`];
  await runCommand(openssl, ['req', '-x509', '-new', ...wanted, ...form, ...signer], {
    cwd: folder,
    timeoutMs: 20_000,
  });
}

function writeKey(folder: string, name: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(folder, `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  writeFileSync(join(folder, `${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }));
}

const OPENSSL_CONFIG = `[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost, DNS:kubernetes, DNS:kubernetes.default.svc
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
`;
