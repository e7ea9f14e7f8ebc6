import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readKubeconfig } from '../../activities/kubernetes/kubeconfig.ts';
import { readPlainKubeconfig } from '../../activities/kubernetes/plain-kubeconfig.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const cluster = { server: 'https://10.0.0.1:6443', 'certificate-authority-data': base64('ca') };
const config = (user: object, more: object = {}) =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'one',
    contexts: [
      { name: 'other', context: { cluster: 'gone', user: 'me' } },
      { name: 'one', context: { cluster: 'c', user: 'me', namespace: 'n' } },
    ],
    clusters: [{ name: 'c', cluster: { ...cluster, ...more } }],
    users: [{ name: 'me', user }],
  });
const certificate = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') };

describe('readPlainKubeconfig', () => {
  it.each<[string, object, object]>([
    ['certificates', certificate, {}],
    ['a token', { token: 't' }, {}],
    ['another server name', certificate, { 'tls-server-name': 'kube' }],
    ['no verification', certificate, { 'insecure-skip-tls-verify': true }],
  ])('reads %s as the client library does', async (_, user, more) => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const library = new KubeConfig();
    library.loadFromString(config(user, more));
    const expected: Record<string, unknown> = {};
    await library.applyToHTTPSOptions(expected);
    const plain = readPlainKubeconfig(config(user, more), undefined);
    expect(plain?.server).toBe(cluster.server);
    for (const name of ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const)
      expect(plain?.tls[name]).toEqual(expected[name]);
    expect(await plain?.headers()).toEqual(expected['headers'] ?? {});
  });

  it.each<[string, string]>([
    ['a plugin', config({ exec: { apiVersion: 'v1', command: 'aws' } })],
    ['files', config({ 'client-certificate': '/etc/cert', 'client-key': '/etc/key' })],
    ['a proxy', config(certificate, { 'proxy-url': 'http://10.0.0.2' })],
    ['a context that leads nowhere', config(certificate).replace('cluster: c\n', 'cluster: d\n')],
    ['no YAML', '{{{'],
  ])('leaves %s to the library', (_, text) => {
    expect(readPlainKubeconfig(text, undefined)).toBeUndefined();
  });

  it('takes the context that is asked for', async () => {
    expect(readPlainKubeconfig(config(certificate), 'other')).toBeUndefined();
    await expect(readKubeconfig(config(certificate), 'third')).rejects.toThrow('no usable context third');
  });
});

describe('a plugin of a kubeconfig', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'siteshift-plugin-'));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });
  const began = Date.parse('2026-06-01T00:00:00Z');
  const starts = () => readFileSync(join(folder, 'starts'), 'utf8').length;
  /** Notes each start; its tokens have expired when they are handed out, so each question starts it. */
  const counting = () => {
    const status = `{"token":"t","expirationTimestamp":"2026-01-01T00:00:00Z"}`;
    const credential = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}`;
    const fails = `test ! -e ${folder}/broken || { echo session over >&2; exit 1; }`;
    const args = ['-c', `printf x >> ${folder}/starts; ${fails}; echo '${credential}'`];
    const apiVersion = 'client.authentication.k8s.io/v1';
    return config({ exec: { apiVersion, command: 'sh', args, interactiveMode: 'Never' } });
  };

  it('is started once for all requests in flight, at the beginning and at each expiry', async () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(began);
    const { headers } = await readKubeconfig(counting(), undefined);
    const burst = () => Promise.all(Array.from({ length: 32 }, () => headers()));
    expect(new Set((await burst()).map((one) => one['Authorization']))).toEqual(new Set(['Bearer t']));
    expect(starts()).toBe(1);
    now.mockReturnValue(began + 60_000);
    await burst();
    await burst();
    expect(starts()).toBe(2);
  });

  it('is started again by the next request after it failed', async () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(began);
    const { headers } = await readKubeconfig(counting(), undefined);
    now.mockReturnValue(began + 60_000);
    writeFileSync(join(folder, 'broken'), '');
    await expect(headers()).rejects.toThrow('session over');
    rmSync(join(folder, 'broken'));
    expect(await headers()).toEqual({ Authorization: 'Bearer t' });
    expect(starts()).toBe(3);
  });
});
