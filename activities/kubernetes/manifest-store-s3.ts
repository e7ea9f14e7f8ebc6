import { randomUUID } from 'node:crypto';
import type { S3Settings } from '../../domain/schema/kubernetes.ts';
import type { StepTools } from '../tools.ts';
import { openBucket } from './s3.ts';
import type { StoreFiles } from './store-files.ts';

/** A manifest store in a bucket. The head is replaced by conditional writes, so the bucket must really honour them. */
export async function openS3Files(settings: S3Settings, tools: StepTools): Promise<StoreFiles> {
  const bucket = await openBucket(settings, tools);
  return {
    where: bucket.where,
    read: async (key) => {
      const found = await bucket.get(key);
      return found === undefined ? undefined : { text: found.body.toString('utf8'), tag: found.etag };
    },
    writeOnce: async (key, text) => void (await bucket.put(key, text)),
    replace: (key, text, tag) => bucket.put(key, text, tag === undefined ? 'if absent' : { ifMatch: tag }),
    list: (prefix) => bucket.list(prefix),
    remove: (key) => bucket.remove(key),
  };
}

/**
 * Tries whether a store can be written and whether it keeps its word about compare-and-set: some S3 stores take the
 * conditions and ignore them, and then two captures could overwrite each other.
 * @returns what is wrong, in words; empty when all is well
 */
export async function probeStore(files: StoreFiles): Promise<readonly string[]> {
  const key = `probe/${randomUUID()}.json`;
  const problems: string[] = [];
  try {
    if (!(await files.replace(key, '{"probe":1}', undefined)))
      problems.push('a new file is said to be there');
    if (await files.replace(key, '{"probe":2}', undefined)) problems.push('"only if absent" is ignored');
    const seen = await files.read(key);
    if (seen === undefined) problems.push('what was written cannot be read back');
    else if (!(await files.replace(key, '{"probe":3}', seen.tag)))
      problems.push('"only if unchanged" never holds');
    else if (await files.replace(key, '{"probe":4}', seen.tag))
      problems.push('"only if unchanged" is ignored');
    await files.remove(key);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  return problems.map((problem) => `manifest store ${files.where}: ${problem}`);
}
