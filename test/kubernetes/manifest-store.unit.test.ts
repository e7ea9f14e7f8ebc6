import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../domain/json.ts';
import { sha256 } from '../../domain/kubernetes/marks.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { bundleText, headDigest, paths, type Capture } from '../../domain/kubernetes/store-records.ts';
import { differences } from '../../domain/kubernetes/version-differences.ts';
import { openFolderFiles } from '../../activities/kubernetes/manifest-store-folder.ts';
import { probeStore } from '../../activities/kubernetes/manifest-store-s3.ts';
import { makeStore, readManifests, type ManifestStore } from '../../activities/kubernetes/manifest-store.ts';
import { parseManifests } from '../../activities/kubernetes/parse-manifests.ts';

let folder: string;
let store: ManifestStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-store-'));
  store = makeStore(openFolderFiles(folder));
});
afterEach(() => rmSync(folder, { recursive: true }));

const configMap = (name: string, level: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  data: { level },
});
const capture = (
  epoch: number,
  at: number,
  services: Record<string, KubernetesObject[]>,
  cluster = 'east',
  replicas: Capture['replicas'] = {},
): Capture => ({
  cluster,
  epoch,
  capturedAt: at,
  services: new Map(Object.entries(services)),
  replicas,
});
const all = () => true;

describe('manifest store in a folder', () => {
  it('keeps its word about compare-and-set, and the probe leaves nothing behind', async () => {
    expect(await probeStore(store.files)).toEqual([]);
    expect(await store.files.list('')).toEqual([]);
  });

  it('gives back what was captured, and keeps the history of each service', async () => {
    await store.record(
      capture(1, 100, { 'shop/cart': [configMap('cart', 'info')], 'shop/mail': [configMap('mail', 'info')] }),
    );
    await store.record(
      capture(1, 200, { 'shop/cart': [configMap('cart', 'warn')], 'shop/mail': [configMap('mail', 'info')] }),
    );
    const head = await store.head();
    expect(head.services).toMatchObject({
      'shop/cart': { epoch: 1, sequence: 2 },
      'shop/mail': { epoch: 1, sequence: 1 },
    });
    const { manifests, findings } = await readManifests(store, head, all);
    expect(findings).toEqual([]);
    expect(manifests.map(({ object }) => object['data'])).toEqual([{ level: 'warn' }, { level: 'info' }]);
    const versions = await store.history('shop/cart');
    expect(versions.map(({ sequence, capturedAt }) => [sequence, capturedAt])).toEqual([
      [2, 200],
      [1, 100],
    ]);
    const [newer, older] = await Promise.all(versions.map((version) => store.bundle('shop/cart', version)));
    const objects = (bundle: typeof newer) => bundle?.manifests.map(({ object }) => object) ?? [];
    expect(differences(objects(older), objects(newer))).toEqual({
      added: [],
      removed: [],
      changed: [
        { object: 'ConfigMap shop/cart', fields: [{ path: 'data.level', before: 'info', after: 'warn' }] },
      ],
    });
  });

  it('notes only the look when nothing changed, and drops services that are gone', async () => {
    const same = { 'shop/cart': [configMap('cart', 'info')], 'shop/mail': [configMap('mail', 'info')] };
    await store.record(capture(1, 100, same, 'east', { cart: 2 }));
    const before = await store.head();
    expect(await store.record(capture(1, 200, same, 'east', { cart: 5 }))).toMatchObject({ kind: 'same' });
    const after = await store.head();
    expect(after).toEqual({ ...before, capturedAt: 200, replicas: { cart: 5 } });
    expect(headDigest(after)).toBe(headDigest(before));
    expect(await store.files.list('versions/')).toHaveLength(2);
    // It looked before the capture that found nothing changed, and comes late.
    const late = capture(1, 150, { ...same, 'shop/cart': [configMap('cart', 'old')] });
    expect(await store.record(late)).toMatchObject({ kind: 'stale' });
    expect(await store.record(capture(1, 300, { 'shop/cart': same['shop/cart'] }))).toMatchObject({
      kind: 'write',
      gone: ['shop/mail'],
    });
    expect(Object.keys((await store.head()).services)).toEqual(['shop/cart']);
  });

  it('goes on with the history of a service over its removal and return', async () => {
    const services = (level: string) => ({ 'shop/cart': [configMap('cart', level)] });
    const mail = { 'shop/mail': [configMap('mail', 'info')] };
    const sequences = async () => (await store.history('shop/cart')).map(({ sequence }) => sequence);
    await store.record(capture(1, 100, { ...services('info'), ...mail }));
    await store.record(capture(1, 200, { ...services('warn'), ...mail }));
    await store.record(capture(1, 300, mail));
    expect(Object.keys((await store.head()).services)).toEqual(['shop/mail']);
    expect(await sequences()).toEqual([2, 1]);
    await store.record(capture(1, 400, { 'shop/mail': [configMap('mail', 'warn')] }));
    expect(await sequences()).toEqual([2, 1]);
    const { manifests } = await readManifests(store, await store.head(), all);
    expect(manifests.map(({ object }) => object.metadata.name)).toEqual(['mail']);
    await store.record(capture(1, 500, { ...services('debug'), ...mail }));
    expect(await sequences()).toEqual([5, 2, 1]);
    expect((await store.head()).removed).toBeUndefined();
  });

  it.each([
    [
      'a lower epoch',
      capture(2, 900, { 'shop/cart': [configMap('cart', 'old')] }, 'west'),
      'the store holds epoch 3 of east',
    ],
    [
      'another cluster of the same epoch',
      capture(3, 900, {}, 'west'),
      'at this epoch the store follows east',
    ],
    ['an earlier look', capture(3, 400, {}), 'the store holds a newer one'],
  ])('refuses %s', async (_, stale, because) => {
    await store.record(capture(3, 500, { 'shop/cart': [configMap('cart', 'new')] }));
    const before = await store.files.read(paths.head);
    expect(await store.record(stale)).toMatchObject({
      kind: 'stale',
      because: expect.stringContaining(because),
    });
    expect(await store.files.read(paths.head)).toEqual(before);
  });

  it('keeps out who is of an earlier epoch, or another cluster, as soon as somebody has taken over', async () => {
    const services = { 'shop/cart': [configMap('cart', 'info')] };
    await store.record(capture(1, 100, services));
    const before = await store.head();
    const claim = { epoch: 3, operation: 'run-3', cluster: 'west' };
    expect(await store.claim(claim)).toBeUndefined();
    const claimed = await store.files.read(paths.head);
    expect(await store.claim(claim)).toBeUndefined();
    expect(await store.files.read(paths.head)).toEqual(claimed); // nothing is written twice
    expect(await store.head()).toEqual({ ...before, claim });
    expect(headDigest(await store.head())).toBe(headDigest(before));
    expect(await store.claim({ ...claim, operation: 'twin' })).toMatch(
      /holds the same epoch of operation run-3$/,
    );
    expect(await store.claim({ ...claim, epoch: 2, operation: 'late' })).toMatch(
      /holds epoch 3 of operation run-3$/,
    );
    for (const late of [
      capture(1, 900, services),
      capture(3, 900, services),
      capture(2, 900, services, 'west'),
    ])
      expect(await store.record(late)).toMatchObject({
        kind: 'stale',
        because: expect.stringContaining('operation run-3 took the store over for west at epoch 3'),
      });
    expect(await store.files.read(paths.head)).toEqual(claimed);
    // The claim stands while its epoch does: a killed step finds it, and a twin is refused by it.
    await store.record(capture(3, 950, services, 'west'));
    await store.record(capture(3, 960, services, 'west'));
    expect(await store.head()).toMatchObject({ epoch: 3, cluster: 'west', capturedAt: 960, claim });
    await store.record(capture(5, 970, services));
    expect((await store.head()).claim).toBeUndefined();
    expect(await store.claim(claim)).toBe(
      'epoch 3 of operation run-3 refused: the store holds epoch 5 of east',
    );
  });

  it.each(['info', 'warn'])(
    'is given back to the cluster that serves after all, with level %s',
    async (level) => {
      await store.record(capture(1, 100, { 'shop/cart': [configMap('cart', 'info')] }));
      await store.claim({ epoch: 3, operation: 'run-3', cluster: 'west' });
      const late = capture(1, 200, { 'shop/cart': [configMap('cart', level)] });
      expect(await store.record({ ...late, takesBack: true })).not.toMatchObject({ kind: 'stale' });
      expect((await store.head()).claim).toBeUndefined();
      expect(await store.record({ ...late, capturedAt: 300 })).toMatchObject({ kind: 'same' });
    },
  );

  it('lets one of many captures at once win each round, and loses none', async () => {
    const rounds = Array.from({ length: 12 }, (_, index) =>
      store.record(
        capture(index + 1, 100, { 'shop/cart': [configMap('cart', `level-${index}`)] }, `c${index}`),
      ),
    );
    const verdicts = await Promise.all(rounds);
    const head = await store.head();
    expect(head.epoch).toBe(12);
    expect(head.sequence).toBe(verdicts.filter(({ kind }) => kind === 'write').length);
    expect((await store.history('shop/cart')).map(({ epoch }) => epoch)).toEqual(
      (await store.history('shop/cart')).map(({ epoch }) => epoch).toSorted((a, b) => b - a),
    );
  });

  it.each([
    ['truncated', (file: string) => truncateSync(file, 40), /truncated or changed: expected SHA-256/],
    ['gone', (file: string) => rmSync(file), /is missing/],
    [
      'with a key twice',
      (file: string) =>
        writeFileSync(file, '{"objects":[{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"1","a":"2"}}]}'),
      /the key "a" stands twice/,
    ],
  ])('finds a bundle that is %s', async (_, damage, problem) => {
    await store.record(capture(1, 100, { 'shop/cart': [configMap('cart', 'info')] }));
    const [bundle = ''] = readdirSync(join(folder, 'bundles'));
    damage(join(folder, 'bundles', bundle));
    const { manifests, findings } = await readManifests(store, await store.head(), all);
    expect(manifests).toEqual([]);
    expect(findings.map((finding) => finding.problem)).toEqual([expect.stringMatching(problem)]);
  });

  it('finds an object that is filed under the namespace of another', async () => {
    const text = bundleText([configMap('cart', 'info')]);
    await store.record(capture(1, 100, { 'bank/cart': [configMap('cart', 'info')] }));
    expect(sha256(text)).toBe((await store.head()).services['bank/cart']?.bundle);
    const { findings } = await readManifests(store, await store.head(), all);
    expect(findings).toEqual([
      {
        object: 'ConfigMap shop/cart',
        problem: 'wrong namespace: filed under bank/cart, expected bank, seen shop',
      },
    ]);
  });

  it('refuses a head of another format', async () => {
    writeFileSync(join(folder, paths.head), '{"format":2}');
    await expect(store.head()).rejects.toThrow('expected format 1, seen {"format":2}');
  });
});

describe('parseManifests', () => {
  const first = canonicalJson(configMap('cart', 'info'));
  it.each([
    ['a list', `{"kind":"List","items":[${first}]}`, 1, []],
    ['several documents', `${first}\n---\n${first}\n`, 2, []],
    ['a key twice', 'apiVersion: v1\nkind: A\nkind: B\n', 0, [/line 3: the key "kind" stands twice/]],
    ['broken YAML', 'a: [1\n', 0, [/line \d+/]],
    ['no manifest', '42', 0, [/apiVersion/, /kind/, /metadata.name/]],
    [
      'aliases that stand for too much',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n`,
      0,
      [/aliases/],
    ],
  ])('%s', (_, text, objects, problems) => {
    const parsed = parseManifests(text, 'file.yaml');
    expect(parsed.objects).toHaveLength(objects);
    expect(parsed.findings.map(({ problem }) => problem)).toEqual(
      problems.map((one) => expect.stringMatching(one)),
    );
  });
});
