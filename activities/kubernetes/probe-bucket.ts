import { randomUUID } from 'node:crypto';
import { messageOf } from '../../domain/error-message.ts';
import type { Bucket } from './s3.ts';

/**
 * Tries to write where Velero writes the results of restores: without that, good restores look failed. The probe is
 * removed again.
 * @returns what is wrong, in words; empty when all is well
 */
export async function probeWriting(bucket: Bucket): Promise<string> {
  const key = `restores/siteshift-probe/${randomUUID()}`;
  try {
    await bucket.put(key, 'probe');
    await bucket.remove(key);
    return '';
  } catch (error) {
    return messageOf(error);
  }
}
