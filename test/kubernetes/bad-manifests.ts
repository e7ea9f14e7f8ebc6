import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyManifests } from '../../activities/apply-manifests.ts';
import { runStep } from '../../activities/define-step.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { BareCluster } from '../../lab/bench/bare-cluster.ts';
import { openScene, type Scene } from './apply-scene.ts';
import { inventoryCluster, operation, stepInput, stepTools } from './step-tools.ts';

const object = (apiVersion: string, kind: string, more: object = {}): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name: 'bad', namespace: 'default' },
  ...more,
});
const template = (container: object) => ({
  metadata: { labels: { a: 'b' } },
  spec: { containers: [{ name: 'main', image: 'registry.example/a', ...container }] },
});
const deployment = (spec: object) =>
  object('apps/v1', 'Deployment', {
    spec: { selector: { matchLabels: { a: 'b' } }, template: template({}), ...spec },
  });

/** Ours to the letter, with STORE for the store's address; of what only the server can say, the beginning. */
type Finding = string | RegExp;
const expectedOf = (finding: Finding): unknown =>
  typeof finding === 'string' ? finding : expect.stringMatching(finding);
const refusedByServer = (words: string) =>
  new RegExp(
    `^Deployment\\.apps default/bad: west: PATCH /apis/apps/v1/namespaces/default/deployments/bad: ${words}`,
  );

const invalid: readonly (readonly [string, KubernetesObject, Finding])[] = [
  [
    'an unknown kind',
    object('example.com/v1', 'Nothing'),
    'Nothing.example.com default/bad: unknown kind Nothing in example.com/v1: west serves no version of it',
  ],
  [
    'a version that is gone',
    object('networking.istio.io/v1alpha1', 'VirtualService'),
    'VirtualService.networking.istio.io default/bad: unknown kind VirtualService in networking.istio.io/v1alpha1: west serves networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3',
  ],
  ['a field that does not exist', deployment({ replcas: 2 }), refusedByServer('500 .*spec\\.replcas: ')],
  ['a value of the wrong type', deployment({ replicas: 'two' }), refusedByServer('500 .*replicas: ')],
  [
    'an image missing',
    deployment({ template: template({ image: undefined }) }),
    refusedByServer('422 Invalid .*containers\\[0\\]\\.image: Required value'),
  ],
  [
    'a cluster-wide kind in a namespace',
    object('scheduling.k8s.io/v1', 'PriorityClass', { value: 1 }),
    'PriorityClass.scheduling.k8s.io default/bad: wrong namespace: PriorityClass is cluster-wide, seen default',
  ],
  [
    'a kind of namespaces without one',
    { ...object('v1', 'ConfigMap'), metadata: { name: 'bad' } },
    'ConfigMap bad: wrong namespace: ConfigMap needs one, seen none',
  ],
  [
    '2 MiB',
    object('v1', 'ConfigMap', { data: { a: 'x'.repeat(2 ** 21) } }),
    'ConfigMap default/bad (STORE): 2.0 MiB: the API server takes 1.4 MiB at most',
  ],
  [
    'a Secret in clear text',
    object('v1', 'Secret', { stringData: { password: 'hunter2' } }),
    'Secret default/bad (STORE): a Secret in clear text: keep a reference in the store (ExternalSecret, SealedSecret) instead',
  ],
];

/** Somebody wrote into the store by hand: what its bundle is changed to, and what is said about it. */
const damaged: readonly (readonly [string, (bundle: string) => string, Finding])[] = [
  [
    'a key twice',
    (bundle) => bundle.replace('"data":{', '"data":{"a":"2",'),
    'default/configmap.bad: line 1: the key "a" stands twice in one mapping',
  ],
  [
    'another content',
    (bundle) => bundle.replace('"1"', '"2"'),
    /^default\/configmap\.bad: bundles\/(\w{64})\.json in STORE was truncated or changed: expected SHA-256 \1, seen \w{64} over \d+ characters$/,
  ],
];

/** Manifests that are not valid, at precheck: each with what is wrong, and nothing is written. */
export function refusingManifests(west: () => BareCluster): void {
  describe('manifests that are not valid, at precheck', () => {
    let scene: Scene;
    beforeEach(() => {
      scene = openScene();
    });
    afterEach(() => scene.remove());

    async function precheck() {
      const input = stepInput(scene.parameters(inventoryCluster(west())), {
        mode: 'precheck',
        operation: operation(0),
      });
      const outcome = await runStep(applyManifests, input, stepTools());
      expect(JSON.stringify(outcome)).not.toContain('hunter2');
      expect(await west().api.list('/apis/apps/v1/namespaces/default/deployments')).toEqual([]);
      const { where } = scene.store.files;
      return { ...outcome, details: outcome.details.map((detail) => detail.replaceAll(where, 'STORE')) };
    }

    it.each(invalid)('%s is refused, and nothing is written', async (_, bad, finding) => {
      await scene.keep([bad]);
      const { status, details } = await precheck();
      expect({ status, details }).toEqual({
        status: 'refused',
        details: [expectedOf(finding)],
      });
    });

    it('what is wrong by itself keeps nothing else from being tried', async () => {
      const secret = { ...object('v1', 'Secret'), stringData: { password: 'hunter2' } };
      await scene.keep([secret, deployment({ replcas: 2 })]);
      const { status, details } = await precheck();
      expect({ status, details }).toEqual({
        status: 'refused',
        details: [
          expect.stringContaining('a Secret in clear text'),
          expectedOf(refusedByServer('500 .*spec\\.replcas: ')),
        ],
      });
    });

    it.each(damaged)('a bundle with %s is refused', async (_, change, finding) => {
      await scene.keep([object('v1', 'ConfigMap', { data: { a: '1' } })]);
      const [name = ''] = readdirSync(join(scene.folder, 'bundles'));
      const file = join(scene.folder, 'bundles', name);
      writeFileSync(file, change(readFileSync(file, 'utf8')));
      const { status, details } = await precheck();
      expect({ status, details }).toEqual({
        status: 'refused',
        details: [expectedOf(finding)],
      });
    });

    it('a manifest of a kind that another manifest defines is no problem', async () => {
      const [group, kind] = ['fresh.example', 'Fresh'];
      const definition: KubernetesObject = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `freshes.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { kind, listKind: 'FreshList', plural: 'freshes', singular: 'fresh' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          ],
        },
      };
      await scene.keep([definition, object(`${group}/v1`, kind)]);
      // The orchestrator of the lab may not write kinds that nobody has told it about.
      const admin = inventoryCluster({ kubeconfig: () => west().kubeconfig('admin') });
      const parameters = scene.parameters(admin, { readyTimeoutMs: 30_000 });
      const checked = await runStep(
        applyManifests,
        stepInput(parameters, { mode: 'precheck', operation: operation(0) }),
        stepTools(),
      );
      expect(checked).toMatchObject({ status: 'planned', before: { findingsTotal: 0 } });
      const outcome = await runStep(
        applyManifests,
        stepInput(parameters, { operation: operation(50) }),
        stepTools(),
      );
      expect(outcome).toMatchObject({ status: 'done', after: { ready: 2 } });
    });
  });
}
