import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { observeRouting } from '../../activities/observe-routing.ts';
import { startLayer, type TestLayer } from './start-layer.ts';
import { gatewayParameters, stepTools } from './step-tools.ts';

let folder: string;
let layer: TestLayer;
const file = (name: string) => join(folder, name);

/** A certificate authority, and a certificate for 127.0.0.1 that it signed. */
function makeCertificates(name: string): { ca: string; cert: string; key: string } {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const [ca, caKey, cert, key, request] = ['ca.pem', 'ca.key', 'pem', 'key', 'csr'].map((end) =>
    file(`${name}.${end}`),
  ) as [string, string, string, string, string];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${name} CA`,
    '-keyout',
    caKey,
    '-out',
    ca,
  );
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    key,
    '-out',
    request,
  );
  writeFileSync(file('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    ca,
    '-CAkey',
    caKey,
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    file('ext'),
    '-out',
    cert,
  );
  return { ca, cert, key };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tls-'));
  layer = await startLayer({ tls: makeCertificates('ours') });
}, 60_000);
afterAll(async () => {
  await layer?.close();
  rmSync(folder, { recursive: true, force: true });
});

const tools = {
  ...stepTools(),
  secret: async (reference: string) => readFileSync(reference.replace('file:', ''), 'utf8'),
};
const references = (name: string) => ({
  ca: `file:${file('ours.ca.pem')}`,
  cert: `file:${file(`${name}.pem`)}`,
  key: `file:${file(`${name}.key`)}`,
});

test('agents that renew have proven themselves to each other; callers need a certificate of the same authority', async () => {
  const parameters = gatewayParameters(layer.gateways, layer.leaseMs);
  for (const { agent } of Object.values(parameters.gateways)) expect(agent).toMatch(/^https:/);
  expect(await observeRouting({ ...parameters, tls: references('ours') }, tools)).toMatchObject({
    routing: { epoch: 1 },
    gaps: [],
  });

  const nobody = await observeRouting(parameters, tools);
  expect(nobody.routing).toBeUndefined();
  expect(nobody.gaps[0]).toMatch(/^gateway gw-1 does not answer at https:/);
  makeCertificates('strangers');
  const stranger = await observeRouting({ ...parameters, tls: references('strangers') }, tools);
  expect(stranger.routing).toBeUndefined();
});
