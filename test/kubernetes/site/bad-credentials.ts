import { sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { need, lab, testLab } from './scene.ts';

/** A secret in a file, as siteshift.yaml names it. */
export function secretFile(name: string, text: string): string {
  const file = join(testLab.folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return `file:${file}`;
}

/**
 * Answers every request as S3 answers keys that it does not take. The lab's store knows no sessions that could expire;
 * status and words are those of S3's list of error codes.
 */
export async function refusingStore(status: number, code: string, message: string) {
  const tokens = new Set<string>();
  const server = createServer((request, response) => {
    tokens.add(String(request.headers['x-amz-security-token'] ?? 'none'));
    request.resume();
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>4442587FB7D0A2F9</RequestId><HostId>lab</HostId></Error>`,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Session tokens that the requests were signed with. */
    tokens: () => [...tokens],
    close: () => server.close(),
  };
}

type Claims = Readonly<Record<string, unknown>>;
const NAMESPACE = 'default';
const ACCOUNT = 'siteshift';

/** A service account of the west with the orchestrator's rights. @returns the claims of a token that is good now */
export async function makeAccount(): Promise<Claims> {
  const { api } = lab.west;
  const group = 'rbac.authorization.k8s.io';
  await api.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: ACCOUNT, namespace: NAMESPACE },
  });
  await api.create({
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'siteshift-by-token' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'siteshift-orchestrator' },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
  });
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${ACCOUNT}/token`;
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const answer = (await api.call('POST', path, request)) as { readonly status: { readonly token: string } };
  return decoded(need(answer.status.token.split('.')[1]));
}

/**
 * The API server gives no token for less than ten minutes; so one is signed with its key that it might have given.
 * @param ageMs how long ago it was given, for an hour
 */
export function tokenKubeconfig(claims: Claims, ageMs: number): string {
  const givenAt = Math.floor((Date.now() - ageMs) / 1_000);
  const payload = { ...claims, iat: givenAt, nbf: givenAt, exp: givenAt + 3_600 };
  const text = [{ alg: 'ES256', typ: 'JWT' }, payload].map(encoded).join('.');
  const key = readFileSync(join(testLab.folder, 'west', 'certificates', 'sa.key'));
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  const config = JSON.parse(readFileSync(lab.west.kubeconfig('orchestrator'), 'utf8')) as {
    readonly users: readonly { readonly name: string }[];
  };
  const users = config.users.map(({ name }) => ({
    name,
    user: { token: `${text}.${signature.toString('base64url')}` },
  }));
  return secretFile(`by-token-${ageMs}`, JSON.stringify({ ...config, users }));
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decoded = (part: string): Claims =>
  JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims;
