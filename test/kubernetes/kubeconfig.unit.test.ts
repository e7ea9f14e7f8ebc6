import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
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
