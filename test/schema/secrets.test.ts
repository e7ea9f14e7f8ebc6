import { expect, test } from 'vitest';
import { loadInventory } from '../../domain/schema/load.ts';
import { checkSecrets, secretsOf } from '../../domain/schema/secrets.ts';
import { swap, validInventory, validKubernetes } from './valid-texts.ts';

const load = (text: string) => {
  const inventory = loadInventory(text, 'siteshift.yaml');
  if (!inventory.ok) throw new Error('the inventory is not valid');
  return inventory;
};
const problemsOf = async (text: string, read: (reference: string) => Promise<string>) =>
  (await checkSecrets(load(text), read)).map((problem) => problem.message);

test('every secret that cannot be read is told with its line, and none of them is shown', async () => {
  const read = async (reference: string) => {
    if (reference === 'env:ORDERS_ADMIN') return 'S3cr3t';
    if (reference === 'env:BILLING_ADMIN') return ' \n';
    if (reference.startsWith('file:'))
      throw Object.assign(new Error('open S3cr3t failed'), { code: 'ENOENT' });
    throw new Error('S3cr3t is not set');
  };
  expect(await problemsOf(validInventory, read)).toEqual([
    'siteshift.yaml:15:45 databases.orders.replication.password: expected a secret that this process can read, saw file:/run/secrets/orders-replica (ENOENT)',
    'siteshift.yaml:22:41 databases.billing.admin.password: expected a secret that this process can read, saw env:BILLING_ADMIN (empty)',
    'siteshift.yaml:23:45 databases.billing.replication.password: expected a secret that this process can read, saw env:BILLING_REPLICA (not set)',
    'siteshift.yaml:53:52 hooks.page.token: expected a secret that this process can read, saw env:PAGE (not set)',
  ]);
});

test('the password of a datasource is left to its consumers; everything else that is secret is tried', () => {
  const text = swap(
    swap(
      validInventory,
      "url: 'http://nacos.example:8848/nacos' }",
      "url: 'http://nacos.example:8848/nacos', auth: { user: n, password: 'env:NACOS' } }",
    ),
    'routing:',
    "gatewayTls: { ca: 'file:/a', cert: 'file:/b', key: 'file:/c' }\nrouting:",
  );
  expect(secretsOf(load(text).value).map(({ reference }) => reference)).toEqual([
    'env:ORDERS_ADMIN',
    'file:/run/secrets/orders-replica',
    'env:BILLING_ADMIN',
    'env:BILLING_REPLICA',
    'env:NACOS',
    'file:/a',
    'file:/b',
    'file:/c',
    'env:PAGE',
  ]);
});

test('what opens clusters, backups and manifest stores is tried, too', async () => {
  const store =
    "manifests: { kind: s3, endpoint: 'http://s3', bucket: manifests, accessKey: env:C, secretKey: env:D, sessionToken: env:E }";
  const text =
    validInventory + swap(validKubernetes, 'manifests: { kind: folder, path: /var/manifests }', store);
  const messages = await problemsOf(text, async (reference) => {
    if (/^env:[A-Z]{3,}/.test(reference) && !['env:EAST', 'env:WEST'].includes(reference)) return 'S3cr3t';
    if (reference.startsWith('file:')) return 'S3cr3t';
    throw new Error('S3cr3t is not set');
  });
  expect(messages.map((message) => message.replace(/^\S+ (\S+): .*, saw (.*)$/, '$1 $2'))).toEqual([
    'kubernetes.clusters.east.kubeconfig env:EAST (not set)',
    'kubernetes.clusters.west.kubeconfig env:WEST (not set)',
    'kubernetes.backupLocations.backups.accessKey env:A (not set)',
    'kubernetes.backupLocations.backups.secretKey env:B (not set)',
    'kubernetes.manifestStores.manifests.accessKey env:C (not set)',
    'kubernetes.manifestStores.manifests.secretKey env:D (not set)',
    'kubernetes.manifestStores.manifests.sessionToken env:E (not set)',
  ]);
});
