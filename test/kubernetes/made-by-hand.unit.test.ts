import { describe, expect, it } from 'vitest';
import type { ApiCall, KubernetesClient } from '../../activities/kubernetes/client.ts';
import { inspectGaps } from '../../activities/kubernetes/inspect-gaps.ts';
import { leftAfterRestore } from '../../activities/kubernetes/left-after-restore.ts';
import type { RestoreBackupParameters } from '../../domain/kubernetes/parameters.ts';

/** A cluster that serves EndpointSlices and has these, and a Schedule that nothing is wrong with. */
const clusterWith = (name: string, ...slices: string[]) =>
  ({
    name,
    untilReady: async () => undefined,
    call: async ({ path }: ApiCall) => {
      if (path === '/api') return { items: [] };
      if (path !== '/apis') {
        const items = slices.map((one) => ({ metadata: { name: one, namespace: 'shop' } }));
        return path.includes('/schedules/')
          ? { metadata: { name: 'daily', labels: { 'siteshift.dev/cluster': name } }, spec: {} }
          : { metadata: {}, items };
      }
      const kind = { kind: 'EndpointSlice' };
      const resource = {
        resource: 'endpointslices',
        scope: 'Namespaced',
        verbs: ['list'],
        responseKind: kind,
      };
      const versions = [{ version: 'v1', resources: [resource] }];
      return { items: [{ metadata: { name: 'discovery.k8s.io' }, versions }] };
    },
  }) as unknown as KubernetesClient;

const slice = (name: string) => ({
  resource: 'endpointslices.discovery.k8s.io',
  namespace: 'shop',
  name,
  labels: {},
  object: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name, namespace: 'shop' } },
});
const objects = [slice('ledger-db'), slice('mail-relay')];
const { signal } = new AbortController();

describe('what was made by hand of the kinds that controllers make', () => {
  it('is warned of by the rehearsal, as long as the primary has it', async () => {
    const backup = { facts: { name: 'daily-1' }, objects } as unknown as Parameters<typeof inspectGaps>[1];
    const options = { services: undefined, veleroNamespace: 'velero', stored: [], signal };
    expect(await inspectGaps(clusterWith('east', 'ledger-db'), backup, options)).toEqual([
      {
        level: 'warning',
        what: 'what neither daily-1 nor the manifest store brings back',
        seen: '1 objects of east: endpointslices.discovery.k8s.io/shop/ledger-db',
        remedy: expect.stringContaining('no controller makes them and no restore brings them'),
      },
    ]);
    expect(await inspectGaps(clusterWith('east'), backup, options)).toMatchObject([
      { level: 'ok', seen: 'nothing that east has' },
    ]);
  });

  it('is left to do after a restore, where the cluster lacks it', async () => {
    const parameters = {
      clusterName: 'west',
      cluster: { velero: { namespace: 'velero' } },
      location: { schedule: 'daily' },
    } as unknown as RestoreBackupParameters;
    const backup = { name: 'daily-1', objects };
    const left = (...slices: string[]) =>
      leftAfterRestore(clusterWith('west', ...slices), parameters, backup, signal);
    expect(await left('ledger-db')).toEqual([
      'west lacks endpointslices.discovery.k8s.io/shop/mail-relay: no controller makes them and no restore brings them; apply them by hand, as they stand in the archive of daily-1',
    ]);
    expect(await left('ledger-db', 'mail-relay')).toEqual([]);
  });
});
