import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readArchive, readObjects } from '../../activities/kubernetes/backups.ts';
import type { Bucket } from '../../activities/kubernetes/s3.ts';

describe('readArchive', () => {
  const file = (name: string, body: string) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write('0', 156);
    const checksum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
    return Buffer.concat([header, Buffer.from(body.padEnd(Math.ceil(body.length / 512) * 512, '\0'))]);
  };
  const object = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'shop' },
  });
  const archive = Buffer.concat([
    file('resources/configmaps/namespaces/shop/a.json', object),
    file('resources/configmaps/v1-preferredversion/namespaces/shop/a.json', object),
    file('metadata/version', '1.1.0'),
    Buffer.alloc(1_024),
  ]);
  const bucket = (body: Buffer | undefined): Bucket =>
    ({
      where: 's3://b/',
      get: async () => (body === undefined ? undefined : { body, etag: '' }),
    }) as unknown as Bucket;

  it('reads each object once', async () => {
    expect(await readArchive(bucket(gzipSync(archive)), 'b')).toMatchObject([
      { resource: 'configmaps', namespace: 'shop', name: 'a' },
    ]);
  });

  it('lets others have their turn: heartbeats of a step must not wait for a large archive', async () => {
    const name = 'resources/configmaps/namespaces/shop/a.json';
    const large = JSON.stringify({ ...(JSON.parse(object) as object), data: { a: 'x'.repeat(2 ** 20) } });
    const files = Array.from({ length: 13 }, () => file(name, large));
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    expect(await readObjects(Buffer.concat([...files, Buffer.alloc(1_024)]))).toHaveLength(13);
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it.each<[string, Buffer | undefined, RegExp]>([
    ['gone', undefined, /is missing/],
    ['cut off while compressed', gzipSync(archive).subarray(0, 60), /truncated or corrupted/],
    ['cut off inside', gzipSync(archive.subarray(0, 700)), /truncated or corrupted.*ends at byte 700/],
    [
      'with a flipped header',
      gzipSync(Buffer.concat([Buffer.from('x'), archive.subarray(1)])),
      /does not check/,
    ],
    ['something else', Buffer.from('<html>'), /truncated or corrupted/],
  ])('says so when it is %s', async (_, body, message) => {
    await expect(readArchive(bucket(body), 'b')).rejects.toThrow(message);
  });
});
