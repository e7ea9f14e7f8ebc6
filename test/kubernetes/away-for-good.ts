import { describe, expect, it } from 'vitest';
import { runStep } from '../../activities/define-step.ts';
import { restoreBackup } from '../../activities/restore-backup.ts';
import type { Operation } from '../../domain/operation.ts';
import type { Style } from '../../domain/step.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import type { KillLab } from './kill-lab.ts';
import { DEFINITIONS, NAMESPACE } from './kill-objects.ts';
import { stepInput, stepTools } from './step-tools.ts';

const CRATES = 'crates.kill.example';
const admission = (kind: string, spec: object): KubernetesObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name: 'no-crates' },
  spec,
});
const policy = admission('ValidatingAdmissionPolicy', {
  matchConstraints: {
    resourceRules: [
      {
        apiGroups: ['apiextensions.k8s.io'],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: ['customresourcedefinitions'],
      },
    ],
  },
  validations: [{ expression: `object.metadata.name != '${CRATES}'`, message: 'no crates here' }],
});
const binding = admission('ValidatingAdmissionPolicyBinding', {
  policyName: 'no-crates',
  validationActions: ['Deny'],
});

/** What nobody brings back while a run waits: a person reads why, and has a way on besides skipping everything. */
export function restoringWithout(
  scene: () => { readonly lab: KillLab; readonly operation: Operation },
): void {
  describe('restoreBackup, when help does not come', () => {
    it('says which definition the cluster refuses and that Velero is away, and forced goes on without both', async () => {
      const { lab, operation } = scene();
      const { api } = lab.cluster;
      const step = (style: Style, stuckMs = 2_000) =>
        runStep(
          restoreBackup,
          stepInput({ ...lab.parameters.restore, stuckMs }, { operation, style }),
          stepTools(),
        );
      const roles = lab.platform.filter(({ kind }) => kind === 'Role').length;
      const without = `${roles} objects (roles.rbac.authorization.k8s.io/${NAMESPACE}/role-`;
      await lab.remove('platform');
      const start = await lab.down('velero');
      for (const one of [policy, binding]) await api.apply(one, 'lab');
      const crates = lab.platform.find(({ metadata }) => metadata.name === CRATES);
      const tried = () => api.call('POST', `${DEFINITIONS}?dryRun=All`, crates).then(() => 'taken', String);
      await expect.poll(tried, { timeout: 60_000 }).toMatch(/no crates here/);

      const refused = await step('graceful');
      expect(refused.status).toBe('failed');
      expect(refused.summary).toMatch(
        /^west: 1 definitions were not installed: CustomResourceDefinition\.\S+ crates\.kill\.example: .*no crates here.*; see why, then retry; a forced restore goes on without them$/,
      );

      const forced = await step('forced');
      expect(forced).toMatchObject({ status: 'done', after: { missing: roles, firstDefinitions: [CRATES] } });
      const [lacking, gone, definition] = forced.leftToDo ?? [];
      expect(lacking).toMatch(`west lacks ${roles} objects of the backup: roles.rbac`);
      expect(gone).toMatch(/-a1 on west is not begun, no progress for \d+ s: is Velero running there\?/);
      expect(gone).toContain(`then takes this restore up; went on without the ${without}`);
      expect(definition).toMatch(/crates\.kill\.example: .*no crates here/);

      for (const one of [binding, policy]) await api.delete(one);
      await expect.poll(tried, { timeout: 60_000 }).toBe('taken');
      const stuck = await step('graceful');
      expect(stuck.status).toBe('failed');
      expect(stuck.summary).toContain(`; then retry; forced goes on without the ${without}`);
      expect((await lab.present('platform')).size).toBe(lab.platform.length - roles);

      await start();
      expect(await step('graceful', 120_000)).toMatchObject({ after: { missing: 0, missingDefinitions: 0 } });
      expect((await lab.present('platform')).size).toBe(lab.platform.length);
      await expect
        .poll(() => lab.restoresOf(operation), { timeout: 60_000, interval: 500 })
        .toEqual(['Completed']);
    }, 300_000);
  });
}
