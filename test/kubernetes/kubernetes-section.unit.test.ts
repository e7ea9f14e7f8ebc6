import { describe, expect, it } from 'vitest';
import { checkInventory } from '../../domain/schema/check-inventory.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';

describe('the section kubernetes of the inventory', () => {
  const cluster = { site: 'west', kubeconfig: 'file:/etc/west' };
  const pool = { nodes: 3, selector: 'pool=a' };
  it.each<[string, object, RegExp]>([
    [
      'a kubeconfig in clear text',
      { clusters: { west: { ...cluster, kubeconfig: 'apiVersion: v1' } } },
      /a reference, env:NAME or file:PATH/,
    ],
    [
      'a pool that nobody can scale',
      { clusters: { west: { ...cluster, nodePools: { a: pool } } } },
      /exactly one of `resource` and `hook`/,
    ],
    ['an unknown key', { cluster: {} }, /cluster/],
    ['a store of an unknown kind', { manifestStores: { m: { kind: 'ftp' } } }, /kind/],
    ['too many requests at once', { clusters: { west: { ...cluster, inFlight: 1_000 } } }, /inFlight/],
    [
      'a prefix without its slash',
      {
        manifestStores: {
          m: {
            kind: 's3',
            endpoint: 'http://s3',
            bucket: 'bbb',
            accessKey: 'env:A',
            secretKey: 'env:B',
            prefix: 'x',
          },
        },
      },
      /end with/,
    ],
  ])('refuses %s', (_, section, message) => {
    const parsed = kubernetesSchema.safeParse(section);
    expect(parsed.success).toBe(false);
    expect(JSON.stringify(parsed.error?.issues)).toMatch(message);
  });
});

describe('the section kubernetes in siteshift.yaml', () => {
  it('must name sites, hooks and clusters that exist', () => {
    const inventory = inventorySchema.parse({
      version: 1,
      domain: 'shop',
      sites: { east: {}, west: {} },
      kubernetes: {
        clusters: {
          east: {
            site: 'north',
            kubeconfig: 'env:KUBECONFIG_EAST',
            nodePools: { a: { hook: 'cloud', nodes: 3, selector: 'pool=a' } },
          },
          west: { site: 'west', kubeconfig: 'env:KUBECONFIG_WEST' },
          second: { site: 'west', kubeconfig: 'env:KUBECONFIG_SECOND' },
        },
        manifestStores: { manifests: { kind: 'folder', path: '/var/manifests' } },
        backupLocations: {
          b: {
            endpoint: 'http://s3',
            bucket: 'backups',
            accessKey: 'env:A',
            secretKey: 'env:B',
            schedule: 'daily',
            from: 'south',
          },
        },
      },
    });
    const problems = checkInventory(inventory, 'siteshift.yaml', () => ({ line: 1, column: 1 }));
    expect(problems.map(({ path, expected }) => `${path}: ${expected}`)).toEqual([
      'kubernetes.clusters.east.site: a site: "east" or "west"',
      'kubernetes.clusters.east.nodePools.a.hook: a hook, of which there are none',
      'kubernetes.clusters.second.site: a site without another cluster (a manifest store follows one cluster; west stands in west)',
      'kubernetes.backupLocations.b.from: a Kubernetes cluster: "east", "west" or "second"',
    ]);
  });
});
