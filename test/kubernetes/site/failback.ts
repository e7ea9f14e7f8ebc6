import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { runStep } from '../../../activities/define-step.ts';
import { restoreBackup } from '../../../activities/restore-backup.ts';
import type { BackupObserved } from '../../../domain/kubernetes/decide-restore.ts';
import type { RestoreBackupParameters } from '../../../domain/kubernetes/parameters.ts';
import type { Cluster } from '../../../lab/kubernetes/cluster.ts';
import { takeBackup } from '../../../lab/kubernetes/backup.ts';
import type { KubernetesObject } from '../../../lab/kubernetes/kubernetes-object.ts';
import { dyingAt, operation, stepInput, stepTools } from '../step-tools.ts';
import { bucketFile, filled, inventory, lab, meshParameters, need, restoreParameters } from './scene.ts';

const NAMESPACE = 'shop-cart';
const ofPlatform = (kind: string) =>
  need(filled.platform.find((one) => one.kind === kind && one.metadata.namespace === NAMESPACE));
const keyIn = (resource: string, { metadata }: KubernetesObject) =>
  `${resource}/${NAMESPACE}/${metadata.name}`;

const input = (existing: 'keep' | 'update') => {
  const { writers: _writers, ...parameters } = restoreParameters({ direct: true, existing });
  const home: RestoreBackupParameters = {
    ...parameters,
    clusterName: 'east',
    cluster: need(inventory.clusters['east']),
    writers: ['west'],
  };
  return stepInput(home, { operation: operation(3) });
};
const seen = (outcome: { readonly after: unknown }) => outcome.after as BackupObserved;

/** What changed while the west was serving comes home, and nothing else does. */
export function comingHome(): void {
  describe('restoreBackup into a cluster that is not empty', () => {
    const live = async ({ api }: Cluster, object: KubernetesObject) => api.get(await api.pathOf(object));
    const change = async ({ api }: Cluster, object: KubernetesObject, patch: object) =>
      api.call('PATCH', await api.pathOf(object), patch, 'application/merge-patch+json');
    const homeOnly = { name: 'home-only', namespace: NAMESPACE };
    const kept: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: homeOnly,
      data: { a: '1' },
    };
    let names: readonly string[] = [];
    afterAll(() => rmSync(bucketFile('backups', 'backups', 'west-1'), { recursive: true })); // the next tests count backups

    it('names what differs, all of it and nothing else, and keeps it', async () => {
      const [secret, settings, role] = [ofPlatform('Secret'), ofPlatform('ConfigMap'), ofPlatform('Role')];
      names = [
        keyIn('secrets', secret),
        keyIn('configmaps', settings),
        keyIn('roles.rbac.authorization.k8s.io', role),
      ].toSorted();
      const keys = Object.keys((await live(lab.west, settings))['data'] as object);
      await change(lab.west, secret, { stringData: { rotated: 'in-the-west' } });
      await change(lab.west, settings, { data: { [need(keys[0])]: null, added: 'in-the-west' } });
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
      await change(lab.west, role, { rules });
      await lab.east.api.apply(kept, 'lab');
      await takeBackup(lab.west, { name: 'west-1' });
      const before = await live(lab.east, secret);
      const outcome = await runStep(restoreBackup, input('keep'), stepTools());
      expect(outcome).toMatchObject({ status: 'already', after: { missing: 0, toUpdate: 0 } });
      expect(seen(outcome).firstDiffering.toSorted()).toEqual(names);
      expect(outcome.summary).toMatch(/are there; 3 differ and are kept: /);
      expect(outcome.leftToDo?.join('\n')).toContain(
        '3 objects of east differ from backup west-1 and were kept',
      );
      expect(await live(lab.east, secret)).toEqual(before);
    }, 300_000);

    it('updates them when asked to, whoever owns the fields, takes away keys, and names what it may not write', async () => {
      const update = () => runStep(restoreBackup, input('update'), stepTools());
      const dead = runStep(restoreBackup, input('update'), dyingAt('restoreBackup:update:before'));
      await expect(dead).rejects.toThrow('died at');
      const outcome = await update();
      expect(outcome).toMatchObject({
        status: 'done',
        before: { differing: 3, toUpdate: 2 },
        after: { differing: 1, toUpdate: 0, missing: 0 },
      });
      expect(outcome.details).toContain('2 objects that differed brought up to date with the backup');
      const role = keyIn('roles.rbac.authorization.k8s.io', ofPlatform('Role'));
      const left = `1 objects of east differ from backup west-1, and siteshift could not or may not write them: ${role}; bring them up to date by hand`;
      expect(outcome.leftToDo).toContain(left);
      for (const object of [ofPlatform('Secret'), ofPlatform('ConfigMap')]) {
        const [east, west] = [await live(lab.east, object), await live(lab.west, object)];
        expect(east['data']).toEqual(west['data']);
      }
      expect((await live(lab.east, kept))['data']).toEqual({ a: '1' });
      expect(await update()).toMatchObject({ status: 'already', leftToDo: [left] });
    });

    it('has nothing to say any more once a person has done the rest', async () => {
      const role = ofPlatform('Role');
      await change(lab.east, role, { rules: (await live(lab.west, role))['rules'] });
      const outcome = await runStep(restoreBackup, input('keep'), stepTools());
      expect(outcome).toMatchObject({ status: 'already', after: { differing: 0 } });
      expect(outcome.summary).toMatch(/^east: all \d+ objects of backup west-1 \(\S+ h old\) are there$/);
      expect(outcome.leftToDo).toBeUndefined();
    });

    it('brings no route along that shiftMesh made over there', async () => {
      const { host } = meshParameters();
      const routesOf = async ({ api }: Cluster) =>
        (await api.list('/apis/networking.istio.io/v1/virtualservices')).filter(({ spec }) =>
          (spec as { hosts: string[] }).hosts.includes(host),
        );
      expect(await routesOf(lab.west)).toHaveLength(1); // and it is in the backup
      expect(await routesOf(lab.east)).toEqual([]);
    });
  });
}
