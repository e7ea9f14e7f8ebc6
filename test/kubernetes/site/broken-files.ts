import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { applyManifests } from '../../../activities/apply-manifests.ts';
import { runStep } from '../../../activities/define-step.ts';
import { restoreBackup } from '../../../activities/restore-backup.ts';
import { operation, stepInput, stepTools } from '../step-tools.ts';
import { findings } from './rehearsal.ts';
import { need, applyParameters, restoreParameters, bucketFile } from './scene.ts';

/** Changes the same file of every backup, and puts it back. */
async function withEachBackup<Value>(
  file: (name: string) => string,
  damage: (path: string, whole: Buffer) => void,
  work: () => Promise<Value>,
): Promise<Value> {
  const names = readdirSync(bucketFile('backups', 'backups'));
  const paths = names.map((name) => bucketFile('backups', 'backups', name, file(name)));
  const whole = paths.map((path) => readFileSync(path));
  paths.forEach((path, index) => damage(path, need(whole[index])));
  try {
    return await work();
  } finally {
    paths.forEach((path, index) => writeFileSync(path, need(whole[index])));
  }
}

export function mistrusting(): void {
  describe('a store that cannot be trusted', () => {
    it('says which bundle is broken at precheck, and applies nothing of it', async () => {
      const [first = ''] = readdirSync(bucketFile('manifests', 'bundles'));
      const file = bucketFile('manifests', 'bundles', first);
      const whole = readFileSync(file);
      truncateSync(file, 30);
      const outcome = await runStep(
        applyManifests,
        stepInput(applyParameters(), { mode: 'precheck', operation: operation(0) }),
        stepTools(),
      );
      expect(outcome).toMatchObject({
        status: 'refused',
        summary: expect.stringMatching(/was truncated or changed: expected SHA-256/),
      });
      rmSync(file);
      const gone = await runStep(applyManifests, stepInput(applyParameters()), stepTools());
      expect(gone).toMatchObject({
        status: 'refused',
        summary: expect.stringContaining('is missing in s3://manifests/'),
      });
      writeFileSync(file, whole);
    });
  });

  describe('a backup that cannot be trusted', () => {
    const archive = (name: string) => `${name}.tar.gz`;
    const metadata = () => 'velero-backup.json';
    const inArchive = (because: string) =>
      new RegExp(
        `^daily-1: s3://backups/backups/daily-1/daily-1\\.tar\\.gz \\(\\d+ bytes read\\) is truncated or corrupted: ${because}`,
        'm',
      );
    it.each<[string, (name: string) => string, (path: string, whole: Buffer) => void, RegExp]>([
      [
        'an archive that is cut off',
        archive,
        (path, whole) => truncateSync(path, Math.floor(whole.length / 2)),
        inArchive('Error: unexpected end of file$'),
      ],
      [
        'an archive that is no gzip',
        archive,
        (path) => writeFileSync(path, '<html>not found</html>'),
        inArchive('Error: incorrect header check$'),
      ],
      [
        'an archive with an object that is no JSON',
        archive,
        (path, whole) => {
          const tar = gunzipSync(whole);
          tar.write('[', tar.indexOf('{"apiVersion"'));
          writeFileSync(path, gzipSync(tar));
        },
        inArchive('SyntaxError: .*$'),
      ],
      [
        'metadata that is no JSON',
        metadata,
        (path) => writeFileSync(path, '{"kind"'),
        /^daily-1: its metadata cannot be read: velero-backup\.json \(7 bytes\) is no JSON$/m,
      ],
      [
        'metadata that is something else',
        metadata,
        (path) => writeFileSync(path, '[]'),
        /^daily-1: its metadata cannot be read: velero-backup\.json names no phase$/m,
      ],
      [
        'metadata that is gone',
        metadata,
        (path) => rmSync(path),
        /^daily-1: its metadata cannot be read: velero-backup\.json is missing$/m,
      ],
    ])('refuses %s, at precheck and in the rehearsal', async (_, file, damage, because) => {
      const [outcome, { problems }] = await withEachBackup(file, damage, () =>
        Promise.all([
          runStep(restoreBackup, stepInput(restoreParameters(), { mode: 'precheck' }), stepTools()),
          findings(),
        ]),
      );
      expect(outcome.status).toBe('refused');
      expect(outcome.details[0]).toBe('west: no backup is good enough to restore');
      expect(outcome.details.join('\n')).toMatch(because);
      const newest = problems.find((problem) =>
        problem.startsWith('newest backup in backups: none is good: '),
      );
      expect(need(newest).replaceAll(/none is good: |; /g, '\n')).toMatch(
        new RegExp(because.source.replace(/\$$/, ''), 'm'),
      );
    });

    it('names a newer backup that is broken although an older one is good', async () => {
      const path = bucketFile('backups', 'backups', 'daily-3', 'velero-backup.json');
      const whole = readFileSync(path);
      writeFileSync(path, 'not found');
      const { warnings } = await findings();
      writeFileSync(path, whole);
      expect(warnings).toContain(
        'backup daily-3: not used: its metadata cannot be read: velero-backup.json (9 bytes) is no JSON; take another one and see why this one is not good',
      );
    });
  });
}
