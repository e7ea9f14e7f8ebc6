import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ApiError, ConnectionError } from '../../activities/kubernetes/api-error.ts';
import type { ApiCall, KubernetesClient } from '../../activities/kubernetes/client.ts';
import type { Bucket } from '../../activities/kubernetes/s3.ts';
import { readRestoreMessages, veleroOf } from '../../activities/kubernetes/velero.ts';
import { readStatus } from '../../domain/kubernetes/answers.ts';
import type { KubernetesCluster } from '../../domain/schema/kubernetes.ts';

describe('createRestore', () => {
  /** A server on which no Restore is, or one of the name, and that answers a POST like this. */
  async function create(answer: () => Promise<unknown>, standing?: object) {
    const calls: string[] = [];
    const notFound = new ApiError('west', 'GET', readStatus(404, ''));
    const client = {
      name: 'west',
      call: async ({ method, path }: ApiCall) => {
        calls.push(`${method} ${path}`);
        if (method !== 'GET') return answer();
        if (standing === undefined) throw notFound;
        return standing;
      },
    } as unknown as KubernetesClient;
    const made = veleroOf(client, { velero: { namespace: 'velero' } } as KubernetesCluster)
      .createRestore('r', {}, { backupName: 'daily-1' })
      .then(String, (error: Error) => error.message);
    return { made: await made, calls };
  }
  const post = 'POST /apis/velero.io/v1/namespaces/velero/restores';
  const get = 'GET /apis/velero.io/v1/namespaces/velero/restores/r';
  const lost = () => Promise.reject(new ConnectionError('west', 'POST', new Error('gone')));
  const standing = { metadata: { name: 'r' }, spec: { backupName: 'daily-1' } };

  it('is one POST, and never an apply over what Velero makes of the spec', async () => {
    expect(await create(async () => ({}))).toEqual({ made: 'true', calls: [post] });
  });

  it('leaves one that is there as it is', async () => {
    const taken = new ApiError('west', 'POST', readStatus(409, '{"reason":"AlreadyExists"}'));
    expect(await create(() => Promise.reject(taken))).toEqual({ made: 'false', calls: [post] });
  });

  it('looks what became of it when the answer is lost', async () => {
    expect(await create(lost, standing)).toEqual({ made: 'false', calls: [post, get] });
    expect(await create(lost)).toEqual({ made: 'west: POST: gone', calls: [post, get] });
  });
});

describe('readRestoreMessages', () => {
  const bucket = (body: Buffer | undefined): Bucket =>
    ({ get: async () => (body === undefined ? undefined : { body, etag: '' }) }) as unknown as Bucket;
  const key = 'restores/r/restore-r-results.gz';

  it.each<[string, Buffer | undefined, string]>([
    ['is not there', undefined, `its results file ${key} is not in the bucket`],
    ['is no gzip', Buffer.from('<html>'), `its results file ${key} cannot be read: incorrect header check`],
    [
      'is cut off',
      gzipSync('{"errors":{"velero":["one"]}}').subarray(0, 25),
      `its results file ${key} cannot be read: unexpected end of file`,
    ],
    ['is no JSON', gzipSync('{"errors"'), `its results file ${key} cannot be read: `],
  ])('says so when the file %s, and fails nothing', async (_, body, unreadable) => {
    const read = await readRestoreMessages(bucket(body), 'r');
    expect(read.messages).toEqual([]);
    expect(read.unreadable).toContain(unreadable);
  });
});
