import { describe, expect, it } from 'vitest';
import type { ExpandContext } from '../../domain/expand-context.ts';
import { kubernetesExpanders } from '../../domain/kubernetes/expand.ts';
import { kubernetesStepKinds } from '../../domain/kubernetes/step-kinds.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import { kubernetesStepWith } from '../../domain/schema/kubernetes-step-with.ts';

const s3 = { endpoint: 'http://s3', bucket: 'backups', accessKey: 'env:A', secretKey: 'env:B' };
const pools = { general: { hook: 'cloud', nodes: 3, selector: 'pool=general' } };
const section = {
  clusters: {
    east: { site: 'east', kubeconfig: 'env:EAST' },
    west: { site: 'west', kubeconfig: 'env:WEST', nodePools: pools },
  },
  backupLocations: { backups: { ...s3, schedule: 'daily' } },
  manifestStores: { manifests: { kind: 's3', ...s3 } },
  services: { namespaces: ['shop-*'], selector: 'tier=service' },
  meshHosts: { 'cart.example': { namespace: 'shop', service: 'cart', gateways: ['istio-system/public'] } },
};

function contextFor(kubernetes: object | undefined) {
  const said: string[] = [];
  const inventory = inventorySchema.parse({
    version: 1,
    domain: 'shop',
    sites: { east: {}, west: {} },
    hooks: { cloud: { url: 'http://cloud', token: 'env:TOKEN' } },
    ...(kubernetes === undefined ? {} : { kubernetes }),
  });
  const context: ExpandContext = {
    inventory,
    observed: { databases: {}, gaps: [] },
    refuse: (path, expected, seen) => void said.push(`${path.join('.')}: expected ${expected}, saw ${seen}`),
    note: (sentence) => void said.push(sentence),
  };
  return { context, said };
}

describe('the Kubernetes steps of a runbook', () => {
  it('become one plan step per pool, cluster and host of the target site, self-contained', () => {
    const { context, said } = contextFor(section);
    const {
      scaleOutNodes,
      restoreBackup,
      applyManifests,
      shiftMesh,
      captureManifests,
      prepareStandby,
      rehearseKubernetes,
    } = kubernetesExpanders;
    const to = 'west';
    const steps = [
      ...scaleOutNodes(kubernetesStepWith.scaleOutNodes.parse({ to }), context),
      ...restoreBackup(kubernetesStepWith.restoreBackup.parse({ to }), context),
      ...applyManifests(kubernetesStepWith.applyManifests.parse({ to }), context),
      ...shiftMesh(kubernetesStepWith.shiftMesh.parse({ to }), context),
      ...captureManifests(kubernetesStepWith.captureManifests.parse({ at: 'east' }), context),
      ...prepareStandby(kubernetesStepWith.prepareStandby.parse({ to }), context),
      ...rehearseKubernetes(kubernetesStepWith.rehearseKubernetes.parse({ from: 'east', to }), context),
    ];
    expect(said).toEqual([]);
    expect(steps.map(({ target, title, reversibility }) => [target, title, reversibility])).toEqual([
      ['west-general', 'Scale west/general to 3 nodes', 'reversible'],
      ['west', 'Restore what west lacks of the newest good backup in backups', 'forward-only'],
      ['west', 'Apply the newest stored manifest of every service to west (store manifests)', 'forward-only'],
      ['west-cart.example', 'Send cart.example to shop/cart in west', 'reversible'],
      ['east', 'Record the manifests of every service of east in the store manifests', 'forward-only'],
      ['west', 'Install the definitions that west lacks of the newest backup in backups', 'forward-only'],
      ['west', 'Rehearse a failover of east to west', 'forward-only'],
    ]);
    expect(steps[0]?.parameters).toMatchObject({
      hook: { url: 'http://cloud', token: 'env:TOKEN' },
      store: { kind: 's3' },
    });
    expect(steps[1]?.parameters).toMatchObject({
      services: { namespaces: ['shop-*'], selector: 'tier=service' },
      attempts: 5,
    });
    expect(JSON.parse(JSON.stringify(steps))).toEqual(steps);
  });

  it('stand for nothing without Kubernetes, and say what they cannot find', () => {
    const without = contextFor(undefined);
    expect(
      kubernetesExpanders.restoreBackup(
        kubernetesStepWith.restoreBackup.parse({ to: 'west' }),
        without.context,
      ),
    ).toEqual([]);
    expect(without.said).toEqual(['the inventory has no section kubernetes']);
    const lacking = contextFor({ ...section, manifestStores: {} });
    expect(
      kubernetesExpanders.applyManifests(
        kubernetesStepWith.applyManifests.parse({ to: 'west' }),
        lacking.context,
      ),
    ).toEqual([]);
    expect(lacking.said).toEqual(['the inventory has no manifest store']);
    const wrong = contextFor(section);
    const hosts = kubernetesStepWith.shiftMesh.parse({ to: 'west', hosts: ['gone.example'] });
    expect(kubernetesExpanders.shiftMesh(hosts, wrong.context)).toEqual([]);
    expect(wrong.said).toEqual(['hosts: expected hosts of the inventory: cart.example, saw gone.example']);
  });

  it('compare nodes with the manifests of the store that is named, and say when there is no telling which', () => {
    const { manifests } = section.manifestStores;
    const two = { ...section, manifestStores: { manifests, other: { kind: 'folder', path: '/other' } } };
    const { context, said } = contextFor(two);
    const stores = ({ store }: { store?: string } = {}) =>
      kubernetesExpanders
        .scaleOutNodes(
          kubernetesStepWith.scaleOutNodes.parse({ to: 'west', ...(store === undefined ? {} : { store }) }),
          context,
        )
        .map(({ parameters }) => (parameters as { store?: { kind: string } }).store?.kind);
    expect(stores({ store: 'other' })).toEqual(['folder']);
    expect(said).toEqual([]);
    expect(stores()).toEqual([undefined]);
    expect(said).toEqual([
      'nodes and quotas are compared with no manifests: of 2 manifest stores the step names none',
    ]);
    stores({ store: 'gone' });
    expect(said[1]).toBe('store: expected one of manifests, other, saw gone');
  });

  it('send a part of one host to a canary, by percent or by header', () => {
    const mail = { namespace: 'shop', service: 'mail', gateways: ['istio-system/public'] };
    const two = { ...section, meshHosts: { ...section.meshHosts, 'mail.example': mail } };
    const { context, said } = contextFor(two);
    const expand = (canary: object, hosts: readonly string[] = ['cart.example']) =>
      kubernetesExpanders.shiftMesh(
        kubernetesStepWith.shiftMesh.parse({ to: 'west', hosts, canary: { service: 'next', ...canary } }),
        context,
      );
    const header = { name: 'x-canary', value: 'yes' };
    expect([...expand({ percent: 20 }), ...expand({ header })]).toMatchObject([
      {
        title: 'Send 20 % of cart.example to shop/next in west',
        parameters: { mesh: { service: 'cart' }, canary: { service: 'next', percent: 20 } },
      },
      {
        title: 'Send requests with x-canary for cart.example to shop/next in west',
        parameters: { canary: { service: 'next', header } },
      },
    ]);
    expect(said).toEqual([]);
    expect(expand({ percent: 20 }, [])).toEqual([]);
    expect(said).toEqual(['canary: expected one host in `hosts`, saw cart.example, mail.example']);
    for (const wrong of [{}, { percent: 20, header }, { percent: 101 }])
      expect(() => expand(wrong)).toThrow(/exactly one of|<=100/);
  });

  it('take backups of the clusters of the site that is left, and no location that is another one alone', () => {
    const restore = (more: object, site: string) => {
      const { context, said } = contextFor({
        ...section,
        backupLocations: { backups: { ...s3, schedule: 'daily', ...more } },
      });
      const what = kubernetesStepWith.restoreBackup.parse({ from: site, to: 'west' });
      return { steps: kubernetesExpanders.restoreBackup(what, context), said };
    };
    const fitting = restore({ from: 'east' }, 'east');
    expect(fitting.said).toEqual([]);
    expect(fitting.steps[0]?.parameters).toMatchObject({ writers: ['east'] });
    expect(restore({ from: 'west' }, 'east').said).toEqual([
      'location: expected one with backups of east, saw backups, of west',
    ]);
  });

  it('take, of a location for each direction, the one with backups of the site that is left', () => {
    const eastOnly = { ...s3, schedule: 'daily', from: 'east' };
    const westOnly = { ...s3, schedule: 'daily', from: 'west' };
    const chosen = (
      backupLocations: object,
      { from = 'east', to = 'west', ...more }: { from?: string; to?: string; location?: string } = {},
    ) => {
      const { context, said } = contextFor({ ...section, backupLocations });
      const steps = [
        ...kubernetesExpanders.restoreBackup(
          kubernetesStepWith.restoreBackup.parse({ from, to, ...more }),
          context,
        ),
        ...kubernetesExpanders.prepareStandby(
          kubernetesStepWith.prepareStandby.parse({ to, ...more }),
          context,
        ),
        ...kubernetesExpanders.rehearseKubernetes(
          kubernetesStepWith.rehearseKubernetes.parse({ from, to, ...more }),
          context,
        ),
      ];
      const names = steps.map(({ parameters }) => (parameters as { locationName: string }).locationName);
      return said.length > 0 ? said : names;
    };
    const thrice = (name: string) => [name, name, name];
    const each = { 'of-east': eastOnly, 'of-west': westOnly };
    expect(chosen(each)).toEqual(thrice('of-east'));
    expect(chosen(each, { from: 'west', to: 'east' })).toEqual(thrice('of-west'));
    // One that all clusters share, and one that only the west writes to.
    const shared = { backups: { ...s3, schedule: 'daily' }, 'of-west': westOnly };
    expect(chosen(shared)).toEqual(thrice('backups'));
    expect(chosen(shared, { from: 'west', to: 'east' })).toEqual(thrice('of-west'));
    // Nobody guesses between two.
    const two = { ...each, 'old-of-east': eastOnly };
    expect(chosen(two)).toEqual(
      thrice('location: expected one of of-east, of-west, old-of-east, saw nothing'),
    );
    expect(chosen(two, { location: 'old-of-east' })).toEqual(thrice('old-of-east'));
    expect(chosen(each, { location: 'of-west' })).toEqual([
      'location: expected one with backups of east, saw of-west, of west',
      'location: expected one with backups of east, saw of-west, of west',
    ]);
  });

  it('rehearse with the store and the setting that the runbook has', () => {
    const { manifests } = section.manifestStores;
    const two = { ...section, manifestStores: { manifests, other: { kind: 'folder', path: '/other' } } };
    const rehearse = (more: object) => {
      const { context, said } = contextFor(two);
      const what = kubernetesStepWith.rehearseKubernetes.parse({ from: 'east', to: 'west', ...more });
      return { said, steps: kubernetesExpanders.rehearseKubernetes(what, context) };
    };
    expect(rehearse({}).said).toEqual(['store: expected one of manifests, other, saw nothing']);
    expect(rehearse({ store: 'other' }).steps[0]?.parameters).toMatchObject({
      storeName: 'other',
      onConflict: 'report',
    });
    const { steps } = rehearse({ store: 'other', onConflict: 'takeOver' });
    expect(steps[0]?.parameters).toMatchObject({ onConflict: 'takeOver' });
  });

  it('are described, each of them', () => {
    expect(Object.keys(kubernetesStepKinds).toSorted()).toEqual(Object.keys(kubernetesStepWith).toSorted());
  });
});
