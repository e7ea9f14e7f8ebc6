import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { filesIn, readArchive } from '../../activities/kubernetes/backup-archive.ts';
import type { Bucket } from '../../activities/kubernetes/s3.ts';
import { tarEnd, tarFile } from './tar-archive.ts';

// A part is 32 objects of 64 KiB that cannot be packed smaller than three quarters, as a gzip member of its own: many of
// them one after the other are a large archive, of which no more than one is ever in memory here.
const OBJECT_BYTES = 64 * 1_024;
const OBJECTS = 32;
const PARTS = 140;

const padding = () => randomBytes((OBJECT_BYTES * 3) / 4).toString('base64');
const pod = (index: number) =>
  tarFile(
    `resources/pods/namespaces/shop/pod-${index}.json`,
    JSON.stringify({ kind: 'Pod', metadata: { name: `pod-${index}` }, spec: { padding: padding() } }),
  );
const part = gzipSync(Buffer.concat(Array.from({ length: OBJECTS }, (_, index) => pod(index))), { level: 1 });
const end = gzipSync(tarEnd);
const packedBytes = part.length * PARTS + end.length;

/** The archive in pieces as a socket gives them, and how much of it has been taken. */
function largeArchive(damage: (part: Buffer, index: number) => Buffer | undefined = (whole) => whole) {
  let taken = 0;
  async function* pieces() {
    for (let index = 0; index <= PARTS; index += 1) {
      const whole = damage(index === PARTS ? end : part, index);
      if (whole === undefined) return;
      for (let at = 0; at < whole.length; at += OBJECT_BYTES) {
        const piece = whole.subarray(at, at + OBJECT_BYTES);
        taken += piece.length;
        yield piece;
      }
    }
  }
  const read = async () => ({ etag: '', pieces: pieces() });
  return { pieces, taken: () => taken, bucket: { where: 's3://b/', read } as unknown as Bucket };
}

/** The part in which the damaged ones are damaged. */
const SOME = 20;

describe(`an archive of ${Math.round(packedBytes / 2 ** 20)} MiB`, () => {
  it('is taken no faster than it is read: never much more than one object of it is in memory', async () => {
    const { pieces, taken } = largeArchive();
    let files = 0;
    let most = 0;
    for await (const { body } of filesIn(pieces())) {
      files += 1;
      expect(body.length).toBeGreaterThan(OBJECT_BYTES);
      if (files % 1_000 === 1) for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      most = Math.max(most, taken() - (files / (OBJECTS * PARTS)) * packedBytes);
    }
    expect(files).toBe(OBJECTS * PARTS);
    expect(taken()).toBe(packedBytes);
    expect(packedBytes).toBeGreaterThan(200 * 2 ** 20);
    expect(most).toBeLessThan(20 * OBJECT_BYTES);
  });

  it('leaves nothing behind but names of what no restore brings', async () => {
    const { bucket } = largeArchive((whole, index) =>
      index < SOME || index === PARTS ? whole : Buffer.alloc(0),
    );
    const objects = await readArchive(bucket, 'large');
    expect(objects).toHaveLength(OBJECTS * SOME);
    expect(JSON.stringify(objects).length).toBeLessThan((part.length * SOME) / 200);
  });

  it.each<[string, (whole: Buffer, index: number) => Buffer | undefined, string]>([
    [
      'cut off in the middle',
      (whole, index) => (index === SOME ? whole.subarray(0, 1_000) : index > SOME ? undefined : whole),
      'Error: unexpected end of file',
    ],
    [
      'cut off between two files',
      (whole, index) => (index < SOME ? whole : undefined),
      'Error: tar archive ends at byte \\d+ in the middle: expected its end mark',
    ],
    [
      'with one flipped byte',
      (whole, index) => (index === SOME ? flipped(whole) : whole),
      '(Error: incorrect data check|SyntaxError: .*|Error: tar header .*|Error: invalid .*)',
    ],
  ])('is told to be broken when it is %s, by the bytes that were read', async (_, damage, words) => {
    const { bucket, taken } = largeArchive(damage);
    const told = await readArchive(bucket, 'large').then(() => 'read', String);
    expect(told).toMatch(
      new RegExp(
        `^BrokenArchiveError: s3://b/backups/large/large.tar.gz \\(\\d+ bytes read\\) is truncated or corrupted: ${words}$`,
      ),
    );
    expect(Number(/\((\d+) bytes read\)/.exec(told)?.[1])).toBe(taken());
    expect(taken()).toBeGreaterThanOrEqual(part.length * SOME);
    expect(taken()).toBeLessThan(part.length * (SOME + 1) + 20 * OBJECT_BYTES);
  });
});

function flipped(whole: Buffer): Buffer {
  const other = Buffer.from(whole);
  const at = Math.floor(whole.length / 2);
  other[at] = (other[at] ?? 0) ^ 0xff;
  return other;
}
