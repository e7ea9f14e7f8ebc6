import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BrokenArchiveError, readArchive } from '../../activities/kubernetes/backup-archive.ts';
import type { Bucket } from '../../activities/kubernetes/s3.ts';
import { tarEnd, tarFile } from './tar-archive.ts';

const name = 'resources/configmaps/namespaces/shop/a.json';
const object = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'shop', managedFields: [{ manager: 'kubectl' }] },
  data: { a: '1' },
});
const archive = Buffer.concat([
  tarFile(name, object),
  tarFile('resources/configmaps/v1-preferredversion/namespaces/shop/a.json', object),
  tarFile('metadata/version', '1.1.0'),
  tarEnd,
]);

function bucketOf(body: Buffer | undefined, broken?: Error): Bucket {
  async function* pieces(whole: Buffer) {
    yield whole;
    if (broken !== undefined) throw broken;
  }
  const read = async () => (body === undefined ? undefined : { etag: '', pieces: pieces(body) });
  return { where: 's3://b/', read } as unknown as Bucket;
}

describe('readArchive', () => {
  it('reads each object once, without what belongs to the cluster that it comes from', async () => {
    expect(await readArchive(bucketOf(gzipSync(archive)), 'b')).toEqual([
      {
        resource: 'configmaps',
        namespace: 'shop',
        name: 'a',
        labels: {},
        object: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'a', namespace: 'shop' },
          data: { a: '1' },
        },
      },
    ]);
  });

  it('knows a route as shiftMesh left it by the managed fields, which it does not keep', async () => {
    const route = (manager: string) =>
      tarFile(
        `resources/virtualservices.networking.istio.io/namespaces/shop/${manager}.json`,
        JSON.stringify({ kind: 'VirtualService', metadata: { name: manager, managedFields: [{ manager }] } }),
      );
    const packed = gzipSync(Buffer.concat([route('kubectl'), route('siteshift-mesh'), tarEnd]));
    const objects = await readArchive(bucketOf(packed), 'b');
    expect(
      objects.map(({ name: one, isShifted, object: { metadata } }) => [one, isShifted, metadata]),
    ).toEqual([
      ['kubectl', undefined, { name: 'kubectl' }],
      ['siteshift-mesh', true, { name: 'siteshift-mesh' }],
    ]);
  });

  it('keeps only the metadata of what no restore brings, and definitions as they are', async () => {
    const metadata = { name: 'a' };
    const spec = { b: 1 };
    const file = (resource: string) =>
      tarFile(`resources/${resource}/cluster/a.json`, JSON.stringify({ kind: 'Any', metadata, spec }));
    const packed = gzipSync(
      Buffer.concat([file('pods'), file('customresourcedefinitions.apiextensions.k8s.io'), tarEnd]),
    );
    const objects = (await readArchive(bucketOf(packed), 'b')).map((one) => one.object);
    expect(objects).toEqual([
      { kind: 'Any', metadata },
      { kind: 'Any', metadata, spec },
    ]);
  });

  it('keeps of a pod that nobody owns whether it is over', async () => {
    const pod = (name: string, owned: object) =>
      tarFile(
        `resources/pods/namespaces/shop/${name}.json`,
        JSON.stringify({
          metadata: { name, ...owned },
          spec: {},
          status: { phase: 'Succeeded', podIP: '::1' },
        }),
      );
    const packed = gzipSync(
      Buffer.concat([pod('bare', {}), pod('owned', { ownerReferences: [{}] }), tarEnd]),
    );
    const objects = (await readArchive(bucketOf(packed), 'b')).map((one) => one.object);
    expect(objects.map(({ status }) => status)).toEqual([{ phase: 'Succeeded' }, undefined]);
  });

  it('lets others have their turn: heartbeats of a step must not wait for a large archive', async () => {
    const large = JSON.stringify({ ...(JSON.parse(object) as object), data: { a: 'x'.repeat(2 ** 20) } });
    const files = Array.from({ length: 13 }, () => tarFile(name, large));
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const packed = gzipSync(Buffer.concat([...files, tarEnd]));
    expect(await readArchive(bucketOf(packed), 'b')).toHaveLength(13);
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(13);
  });

  it.each<[string, Buffer | undefined, RegExp]>([
    ['gone', undefined, /is missing/],
    ['cut off while compressed', gzipSync(archive).subarray(0, 60), /truncated or corrupted/],
    ['cut off inside', gzipSync(archive.subarray(0, 700)), /truncated or corrupted.*ends at byte 700/],
    ['without its end mark', gzipSync(archive.subarray(0, 1_024)), /corrupted.*ends at byte 1024/],
    [
      'with a flipped header',
      gzipSync(Buffer.concat([Buffer.from('x'), archive.subarray(1)])),
      /does not check/,
    ],
    [
      'with a wrong checksum behind its end mark',
      gzipSync(archive).map((byte, index, { length }) => (index === length - 8 ? byte ^ 1 : byte)) as Buffer,
      /\(\d+ bytes read\) is truncated or corrupted: Error: incorrect data check/,
    ],
    ['something else', Buffer.from('<html>'), /truncated or corrupted/],
  ])('says so when it is %s', async (_, body, message) => {
    const reading = readArchive(bucketOf(body), 'b');
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(BrokenArchiveError); // what an older backup is taken instead for
  });

  it('does not take a store that breaks off for a broken archive', async () => {
    const half = gzipSync(archive).subarray(0, 60);
    const broken = new Error('GET /b/b.tar.gz: 503 SlowDown');
    await expect(readArchive(bucketOf(half, broken), 'b')).rejects.toBe(broken);
  });
});
